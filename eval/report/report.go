// Package report writes report.html: one self-contained page about a run, with charts, that needs no network.
//
// The page holds its own style, script and chart library (uPlot, see assets); a content security policy in the page allows
// these by their hashes and nothing else. Every chart has a table beside it, so the page is whole without scripts, on paper
// and for a screen reader. The same Input gives the same bytes.
//
// # Invariant
//
// No file, no clock: what the page says comes from the caller.
package report

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"math"

	"howdah/eval"
)

//go:generate sh assets/refresh.sh

// Input is what a report is made of. Only Job and one side are required; a number that is not finite is shown as a dash.
type Input struct {
	Job     string
	Run     string // its id: slot and attempt
	Version string // of the program
	Started string // as it is to be shown
	Took    string
	Recipe  string // hash of the resolved job
	Inputs  string // hash of the input files
	Label   string
	Split   string // how rows were split, in words
	Model   string // the model, in words: "mlp 64-32, adam 0.001"

	Files   int
	Rows    int64 // read
	Bytes   int64
	Skipped []SkippedShard
	Removed []Removed // rows that did not get to the split
	Facts   []Fact    // more lines for the summary

	Sides    []Side   // in order: train, validation, test
	Shown    []string // metrics of the headline; empty: the task's defaults
	Epochs   []Epoch
	Best     int // the epoch whose weights were kept; 0: not known
	Features []Feature
	Weights  []Weight // of the first layer, where the model is linear; any order
	Warnings []string
}

// SkippedShard is a file that was left out.
type SkippedShard struct{ Path, Reason string }

// Removed counts rows that were removed before the split, and why.
type Removed struct {
	Reason string
	Rows   int64
}

// Fact is a line of the summary.
type Fact struct{ Name, Value string }

// Side is the evaluation on one side of the split.
type Side struct {
	Name       string // "train", "validation", "test"
	Evaluation *eval.Evaluation
}

// Epoch is what training said of one epoch.
type Epoch struct {
	Epoch      int
	Loss       float64 // of training
	Rate       float64 // learning rate
	Validation map[string]float64
}

// Feature is what is known of one feature over the training rows.
type Feature struct {
	Name     string
	Column   string // where it differs from Name
	Type     string
	Steps    []string // of preprocessing, in order, in words
	Missing  float64  // share of the rows, 0 to 1
	Distinct int64    // estimated; 0: not known
	Numbers  *Numbers // of a quantity
	Top      []Category
	Kept     bool
	Reason   string             // why it was dropped
	Scores   map[string]float64 // of selection, by method
}

// Numbers are the statistics of a quantity.
type Numbers struct {
	Mean, SD, Min, Max float64
	MinText, MaxText   string // shown instead of Min and Max: times
	Quantiles          []Quantile
	Histogram          *eval.Histogram
}

// Quantile is the value below which the share Q of the rows lies.
type Quantile struct{ Q, Value float64 }

// Category is a frequent value of a feature.
type Category struct {
	Value string
	Count int64
}

// Weight is a weight of a linear model.
type Weight struct {
	Name  string
	Value float64
}

var (
	//go:embed assets/uPlot.iife.min.js
	library string
	//go:embed assets/uPlot.min.css
	libraryStyle string
	//go:embed assets/report.js
	script string
	//go:embed assets/report.css
	style string
	//go:embed assets/report.gohtml
	pageText string
)

var page = template.Must(template.New("report").Funcs(template.FuncMap{
	"num": number, "count": count, "share": share, "metric": metricLabel, "shade": shade, "hash": shortHash,
}).Parse(pageText))

// Render writes the page. An Input without any side, or with a side without an evaluation, is an error.
func Render(w io.Writer, in Input) error {
	if len(in.Sides) == 0 {
		return errors.New("report: there is no evaluation to report")
	}
	for _, s := range in.Sides {
		if s.Evaluation == nil {
			return fmt.Errorf("report: the %s rows have no evaluation", s.Name)
		}
	}
	data, err := json.Marshal(charts(in)) // escapes <, > and &
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	v := view(in)
	css := libraryStyle + "\n" + style
	v.Style, v.Library, v.Script, v.Data = template.CSS(css), template.JS(library), template.JS(script), template.JS(data)
	v.Policy = fmt.Sprintf("default-src 'none'; script-src '%s' '%s'; style-src '%s'; base-uri 'none'; form-action 'none'",
		sourceHash(library), sourceHash(script), sourceHash(css))
	if err := page.Execute(w, v); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// sourceHash is how a content security policy names an inline script or style.
func sourceHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// number is a float for the charts: null where it is not finite.
type chartNumber float64

func (n chartNumber) MarshalJSON() ([]byte, error) {
	x := float64(n)
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return []byte("null"), nil
	}
	return json.Marshal(x)
}
