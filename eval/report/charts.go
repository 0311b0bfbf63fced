// What the charts draw.

package report

import (
	"sort"

	"howdah/eval"
)

// chart is one chart: the script finds its place by ID.
type chart struct {
	ID     string   `json:"id"`
	Kind   string   `json:"kind"` // "lines", "bars"
	X      string   `json:"x"`
	Y      string   `json:"y"`
	Series []series `json:"series"`
	// XRange and YRange fix an axis.
	XRange   []float64     `json:"xrange,omitempty"`
	YRange   []float64     `json:"yrange,omitempty"`
	Edges    []chartNumber `json:"edges,omitempty"`    // bars
	Whole    bool          `json:"whole,omitempty"`    // x has whole numbers only
	Diagonal string        `json:"diagonal,omitempty"` // name of the line from corner to corner
	Mark     *int          `json:"mark,omitempty"`     // an x to be marked: the epoch kept
}

type series struct {
	Name   string        `json:"name"`
	Colour int           `json:"colour"` // 1.. of the palette
	X      []chartNumber `json:"x,omitempty"`
	Y      []chartNumber `json:"y"`
	Dots   bool          `json:"dots,omitempty"`
	Dash   bool          `json:"dash,omitempty"`
}

// sideColour gives each side its own colour in every chart.
func sideColour(name string) int {
	switch name {
	case "train":
		return 1
	case "validation":
		return 2
	}
	return 3
}

// charts lists the charts for which there is data.
func charts(in Input) []chart {
	out := epochCharts(in)
	add := func(c chart) {
		if len(c.Series) > 0 {
			out = append(out, c)
		}
	}
	unit := []float64{0, 1}
	roc := chart{ID: "roc", Kind: "lines", X: "false positive rate", Y: "true positive rate", XRange: unit, YRange: unit, Diagonal: "chance"}
	pr := chart{ID: "pr", Kind: "lines", X: "recall", Y: "precision", XRange: unit, YRange: unit}
	cal := chart{ID: "calibration", Kind: "lines", X: "mean predicted probability", Y: "share observed", XRange: unit, YRange: unit, Diagonal: "ideal"}
	dec := chart{ID: "deciles", Kind: "lines", X: "mean prediction", Y: "mean label", Diagonal: "ideal"}
	for _, s := range in.Sides {
		e, c := s.Evaluation, sideColour(s.Name)
		if len(e.ROC) > 0 {
			l := series{Name: s.Name, Colour: c}
			for _, p := range e.ROC {
				l.X, l.Y = append(l.X, chartNumber(p.FPR)), append(l.Y, chartNumber(p.TPR))
			}
			roc.Series = append(roc.Series, l)
		}
		if len(e.PR) > 0 {
			l := series{Name: s.Name, Colour: c}
			for _, p := range e.PR {
				l.X, l.Y = append(l.X, chartNumber(p.Recall)), append(l.Y, chartNumber(p.Precision))
			}
			pr.Series = append(pr.Series, l)
		}
		if len(e.Calibration) > 0 {
			l := series{Name: s.Name, Colour: c, Dots: true}
			for _, p := range e.Calibration {
				if p.Weight < 0.001*e.Weight {
					continue // a handful of rows: noise
				}
				l.X, l.Y = append(l.X, chartNumber(p.Predicted)), append(l.Y, chartNumber(p.Observed))
			}
			cal.Series = append(cal.Series, l)
		}
		if len(e.Deciles) > 0 {
			l := series{Name: s.Name, Colour: c, Dots: true}
			for _, p := range e.Deciles {
				l.X, l.Y = append(l.X, chartNumber(p.Predicted)), append(l.Y, chartNumber(p.Actual))
			}
			dec.Series = append(dec.Series, l)
		}
	}
	add(roc)
	add(pr)
	add(cal)
	add(dec)
	e := headline(in).Evaluation
	if h := e.Scores; h != nil {
		names := []string{"0", "1"}
		if len(e.Classes) == 2 {
			names = e.Classes
		}
		add(chart{ID: "scores", Kind: "bars", X: "predicted probability", Y: "share of the class", Edges: chartNumbers(h.Edges), XRange: unit,
			Series: []series{{Name: names[0], Colour: 4, Y: shares(h.Negative)}, {Name: names[1], Colour: 5, Y: shares(h.Positive)}}})
	}
	if h := e.Residuals; h != nil {
		add(chart{ID: "residuals", Kind: "bars", X: "label - prediction", Y: "share of the rows", Edges: chartNumbers(h.Edges),
			Series: []series{{Name: "rows", Colour: 3, Y: shares(h.Weights)}}})
	}
	return out
}

// epochCharts draws the training loss and each metric of the validation rows by epoch.
func epochCharts(in Input) []chart {
	if len(in.Epochs) == 0 {
		return nil
	}
	var x, loss []chartNumber
	names := map[string]bool{}
	for _, e := range in.Epochs {
		x = append(x, chartNumber(e.Epoch))
		loss = append(loss, chartNumber(e.Loss))
		for n := range e.Validation {
			names[n] = true
		}
	}
	var mark *int
	if in.Best > 0 {
		mark = &in.Best
	}
	out := []chart{{ID: "loss", Kind: "lines", X: "epoch", Y: "loss", Whole: true, Mark: mark,
		Series: []series{{Name: "training loss", Colour: sideColour("train"), X: x, Y: loss, Dots: true}}}}
	for _, n := range epochMetrics(in, names) {
		l := series{Name: "validation " + metricLabel(n), Colour: sideColour("validation"), X: x, Dots: true}
		for _, e := range in.Epochs {
			v, ok := e.Validation[n]
			if !ok {
				v = nan
			}
			l.Y = append(l.Y, chartNumber(v))
		}
		if n == "log_loss" { // comparable with the training loss: where the two part, the model learns its rows by heart
			out[0].Series = append(out[0].Series, l)
			continue
		}
		out = append(out, chart{ID: "epoch-" + n, Kind: "lines", X: "epoch", Y: metricLabel(n), Whole: true, Mark: mark, Series: []series{l}})
	}
	return out
}

// epochMetrics are the metrics with a chart: the headline's first three that the epochs have.
func epochMetrics(in Input, have map[string]bool) []string {
	var out []string
	for _, n := range shown(in) {
		if have[n] && len(out) < 3 {
			out = append(out, n)
		}
	}
	if len(out) == 0 {
		for n := range have {
			out = append(out, n)
		}
		sort.Strings(out)
		out = out[:min(len(out), 3)]
	}
	return out
}

func shown(in Input) []string {
	if len(in.Shown) > 0 {
		return in.Shown
	}
	return eval.DefaultMetrics(headline(in).Evaluation.Task)
}

// headline is the side whose numbers come first: test, else validation, else what there is.
func headline(in Input) Side {
	for _, want := range []string{"test", "validation"} {
		for _, s := range in.Sides {
			if s.Name == want {
				return s
			}
		}
	}
	return in.Sides[len(in.Sides)-1]
}

func chartNumbers(x []float64) []chartNumber {
	out := make([]chartNumber, len(x))
	for i, v := range x {
		out[i] = chartNumber(v)
	}
	return out
}

func shares(x []float64) []chartNumber {
	total := 0.0
	for _, v := range x {
		total += v
	}
	out := make([]chartNumber, len(x))
	for i, v := range x {
		if total > 0 {
			out[i] = chartNumber(v / total)
		}
	}
	return out
}
