// What the page's template shows.

package report

import (
	"fmt"
	"html/template"
	"math"
	"sort"
	"strings"

	"howdah/eval"
)

// pageView is the template's data.
type pageView struct {
	Input
	Policy         string
	Style          template.CSS
	Library        template.JS
	Script, Data   template.JS
	Summary        []Fact
	Headline       string // name of its side
	Verdict        verdict
	Cards          []card
	Comparison     []comparisonRow
	Absent         []absentRow
	Notes          []string
	EpochNames     []string
	EpochRows      []epochRow
	EpochCharts    []string
	CurveCharts    []curve
	Confusion      *confusionView
	PerClass       []eval.ClassMetrics
	Features       []featureView
	FeaturesKept   int
	ScoreNames     []string
	Weights        []weightView
	Confidence     string
	HasCalibration bool
}

type verdict struct {
	Class string // good, bad, unclear
	Text  string
}

// card is one headline number.
type card struct {
	Name, Value, Low, High, Baseline, Verdict, Class string
}

type comparisonRow struct {
	Name  string
	Hint  string
	Cells []comparisonCell
}

type comparisonCell struct {
	Have                       bool
	Value, Low, High, Baseline string
}

type absentRow struct{ Side, Name, Reason string }

type epochRow struct {
	Epoch int
	Best  bool
	Cells []string
}

// curve is a chart with its table.
type curve struct {
	ID, Title, Text string
	Head            []string
	Rows            [][]string
}

type confusionView struct {
	Classes []string
	Rows    []confusionRow
}

type confusionRow struct {
	Class string
	Cells []confusionCell
}

type confusionCell struct {
	Weight, Share, Shade string
	Right                bool
}

type featureView struct {
	Feature
	Column string
	Status string
	Cells  []string // scores of selection
	Q      string   // quantiles in words
	Spark  template.HTML
	MinMax [2]string
	Time   bool // the numbers are times: mean and deviation mean nothing as numbers
}

type weightView struct {
	Name, Value string
	Bar         template.HTML
}

// compare says how a metric stands against the baseline, by the interval of their difference on the same rows.
func compare(m *eval.Metric) (class, text string) {
	switch {
	case m.Name == "calibration_error" && m.GainLow <= 0:
		// The priors are right on the average, so they are calibrated; they just tell no rows apart.
		return "", "the baseline is calibrated by its making"
	case m.Baseline == 0 && m.Gain > 0 && (m.Name == "precision" || m.Name == "recall" || m.Name == "f1"):
		return "", "the baseline calls no row positive"
	case m.Baseline == 1 && m.Name == "recall":
		return "", "the baseline calls every row positive"
	case m.Method == eval.MethodNone && m.Gain > 0:
		return "unclear", "better, but too few rows to be sure"
	case m.Method == eval.MethodNone:
	case m.GainLow > 0:
		return "good", "beats the baseline by " + number(m.Gain)
	case m.GainHigh < 0:
		return "bad", "worse than the baseline by " + number(-m.Gain)
	}
	return "unclear", "not told apart from the baseline"
}

func view(in Input) *pageView {
	h := headline(in)
	e := h.Evaluation
	v := &pageView{Input: in, Headline: h.Name, Confidence: share(e.Confidence)}
	v.Confidence = strings.Replace(v.Confidence, ".0%", "%", 1)
	v.Summary = summary(in)
	for _, name := range shown(in) {
		if m := e.Metric(name); m != nil {
			class, text := compare(m)
			v.Cards = append(v.Cards, card{metricLabel(name), number(m.Value), number(m.Low), number(m.High), number(m.Baseline), text, class})
		}
	}
	v.Verdict = judge(in, h)
	v.compare(in)
	v.epochs(in)
	v.curves(in)
	v.confusion(e)
	v.PerClass = e.PerClass
	v.features(in)
	v.weights(in)
	seen := map[string]bool{}
	for _, s := range in.Sides {
		for _, n := range s.Evaluation.Notes {
			if !seen[n] {
				seen[n] = true
				v.Notes = append(v.Notes, n)
			}
		}
	}
	return v
}

func summary(in Input) []Fact {
	var out []Fact
	add := func(name, value string) {
		if value != "" {
			out = append(out, Fact{name, value})
		}
	}
	add("Run", in.Run)
	add("Started", in.Started)
	add("Took", in.Took)
	add("Label", in.Label)
	add("Model", in.Model)
	if in.Files > 0 {
		files := count(int64(in.Files)) + " files"
		if in.Files == 1 {
			files = "1 file"
		}
		if in.Bytes > 0 {
			files += ", " + size(in.Bytes)
		}
		add("Input", files+", "+count(in.Rows)+" rows")
	}
	add("Split", in.Split)
	var sides []string
	for _, s := range in.Sides {
		sides = append(sides, s.Name+" "+count(s.Evaluation.Rows))
	}
	add("Rows", strings.Join(sides, ", "))
	for _, f := range in.Facts {
		add(f.Name, f.Value)
	}
	add("Recipe", shortHash(in.Recipe))
	add("Inputs", shortHash(in.Inputs))
	add("Howdah", in.Version)
	return out
}

// judge sums up whether the model beats the trivial one, by the first metric of the headline that has a value.
func judge(in Input, h Side) verdict {
	trivial := "the trivial model, which predicts the class shares of the training rows"
	if h.Evaluation.Task == eval.Regression {
		trivial = "the trivial model, which predicts the mean of the training rows"
	}
	names := append(shown(in), eval.DefaultMetrics(h.Evaluation.Task)...)
	for _, name := range names {
		m := h.Evaluation.Metric(name)
		if m == nil {
			continue
		}
		class, _ := compare(m)
		if class == "" {
			continue
		}
		rows := fmt.Sprintf("On %s %s rows", count(h.Evaluation.Rows), h.Name)
		values := fmt.Sprintf("%s %s against %s", metricLabel(name), number(m.Value), number(m.Baseline))
		if gap := math.Abs(m.Value - m.Baseline); m.Baseline != 0 && !eval.Maximise(name) {
			direction := "lower"
			if m.Value > m.Baseline {
				direction = "higher"
			}
			values += fmt.Sprintf(" (%s %s)", share(gap/math.Abs(m.Baseline)), direction)
		}
		switch class {
		case "good":
			return verdict{class, rows + " the model beats " + trivial + ": " + values + "."}
		case "bad":
			return verdict{class, rows + " the model is worse than " + trivial + ": " + values + "."}
		}
		return verdict{class, rows + " the model cannot be told apart from " + trivial + ": " + values + "."}
	}
	return verdict{"unclear", "No metric of the headline is defined on the " + h.Name + " rows."}
}

// compare fills the table of all metrics by side.
func (v *pageView) compare(in Input) {
	for _, name := range eval.MetricNames() {
		row := comparisonRow{Name: metricLabel(name), Hint: "lower is better"}
		if eval.Maximise(name) {
			row.Hint = "higher is better"
		}
		any := false
		for _, s := range in.Sides {
			m := s.Evaluation.Metric(name)
			if m == nil {
				row.Cells = append(row.Cells, comparisonCell{})
				continue
			}
			any = true
			row.Cells = append(row.Cells, comparisonCell{true, number(m.Value), number(m.Low), number(m.High), number(m.Baseline)})
		}
		if any {
			v.Comparison = append(v.Comparison, row)
		}
	}
	for _, s := range in.Sides {
		for _, a := range s.Evaluation.Absent {
			v.Absent = append(v.Absent, absentRow{s.Name, metricLabel(a.Name), a.Reason})
		}
	}
}

func (v *pageView) epochs(in Input) {
	names := map[string]bool{}
	for _, e := range in.Epochs {
		for n := range e.Validation {
			names[n] = true
		}
	}
	var keys []string
	for _, n := range eval.MetricNames() {
		if names[n] {
			keys = append(keys, n)
			delete(names, n)
		}
	}
	var others []string
	for n := range names {
		others = append(others, n)
	}
	sort.Strings(others)
	keys = append(keys, others...)
	for _, k := range keys {
		v.EpochNames = append(v.EpochNames, metricLabel(k))
	}
	for _, e := range in.Epochs {
		r := epochRow{Epoch: e.Epoch, Best: in.Best > 0 && e.Epoch == in.Best, Cells: []string{number(e.Loss), number(e.Rate)}}
		for _, k := range keys {
			x, ok := e.Validation[k]
			if !ok {
				x = nan
			}
			r.Cells = append(r.Cells, number(x))
		}
		v.EpochRows = append(v.EpochRows, r)
	}
	for _, c := range epochCharts(in) {
		v.EpochCharts = append(v.EpochCharts, c.ID)
	}
}

// curves lists the charts of the evaluation with the tables beside them, of the headline's side.
func (v *pageView) curves(in Input) {
	e := headline(in).Evaluation
	table := func(head []string, n, most int, row func(i int) []string) (out [][]string) {
		// At most so many lines, evenly spread, the ends among them.
		if n <= most {
			for i := range n {
				out = append(out, row(i))
			}
			return out
		}
		for i := range most {
			out = append(out, row(i*(n-1)/(most-1)))
		}
		return out
	}
	have := map[string]bool{}
	for _, c := range charts(in) {
		have[c.ID] = true
	}
	add := func(id, title, text string, head []string, n int, row func(i int) []string) {
		if have[id] {
			v.CurveCharts = append(v.CurveCharts, curve{id, title, text, head, table(head, n, 21, row)})
		}
	}
	add("roc", "ROC curve", "How many of the positive rows are found (up) for how many of the negative ones taken along (right), over all thresholds.",
		[]string{"threshold", "false positive rate", "true positive rate"}, len(e.ROC), func(i int) []string {
			return []string{number(e.ROC[i].Threshold), number(e.ROC[i].FPR), number(e.ROC[i].TPR)}
		})
	add("pr", "Precision and recall", "What share of the rows called positive is positive (up) when so many of the positive ones are found (right).",
		[]string{"threshold", "recall", "precision"}, len(e.PR), func(i int) []string {
			return []string{number(e.PR[i].Threshold), number(e.PR[i].Recall), number(e.PR[i].Precision)}
		})
	text := "Whether a predicted probability comes true as often as it says: points on the diagonal do. Bins of equal width; those with less than 0.1% of the rows are in the table alone."
	if e.Task == eval.Multiclass {
		text = "Whether the likeliest class is right as often as its probability says. Bins of equal width; those with less than 0.1% of the rows are in the table alone."
	}
	add("calibration", "Calibration", text, []string{"bin", "rows", "mean predicted", "observed"}, len(e.Calibration), func(i int) []string {
		b := e.Calibration[i]
		return []string{fmt.Sprintf("%.2f to %.2f", b.Low, b.High), number(b.Weight), number(b.Predicted), number(b.Observed)}
	})
	if h := e.Scores; h != nil {
		add("scores", "Predicted probabilities", "How the predictions of each class spread; each class adds up to 1.", []string{"from", "to", "negative rows", "positive rows"},
			len(h.Negative), func(i int) []string {
				return []string{number(h.Edges[i]), number(h.Edges[i+1]), number(h.Negative[i]), number(h.Positive[i])}
			})
	}
	add("deciles", "Predicted and actual", "Ten groups of rows by prediction: their mean label over their mean prediction.", []string{"group", "rows", "mean prediction", "mean label"},
		len(e.Deciles), func(i int) []string {
			d := e.Deciles[i]
			return []string{fmt.Sprint(i + 1), number(d.Weight), number(d.Predicted), number(d.Actual)}
		})
	if h := e.Residuals; h != nil {
		add("residuals", "Residuals", fmt.Sprintf("Label less prediction, between the 0.5%% and the 99.5%% quantile; %s of the rows lie below, %s above.", share(h.Below/e.Weight), share(h.Above/e.Weight)),
			[]string{"from", "to", "rows"}, len(h.Weights), func(i int) []string {
				return []string{number(h.Edges[i]), number(h.Edges[i+1]), number(h.Weights[i])}
			})
	}
}

func (v *pageView) confusion(e *eval.Evaluation) {
	if e.Confusion == nil {
		return
	}
	c := &confusionView{Classes: e.Confusion.Classes}
	for i, row := range e.Confusion.Weights {
		total := 0.0
		for _, x := range row {
			total += x
		}
		r := confusionRow{Class: e.Confusion.Classes[i]}
		for j, x := range row {
			s := 0.0
			if total > 0 {
				s = x / total
			}
			r.Cells = append(r.Cells, confusionCell{number(x), share(s), shade(s), i == j})
		}
		c.Rows = append(c.Rows, r)
	}
	v.Confusion = c
}

func (v *pageView) features(in Input) {
	names := map[string]bool{}
	for _, f := range in.Features {
		for n := range f.Scores {
			names[n] = true
		}
	}
	for n := range names {
		v.ScoreNames = append(v.ScoreNames, n)
	}
	sort.Strings(v.ScoreNames)
	for _, f := range in.Features {
		w := featureView{Feature: f, Status: "kept"}
		if f.Column != "" && f.Column != f.Name {
			w.Column = f.Column
		}
		if f.Kept {
			v.FeaturesKept++
		} else {
			w.Status = "dropped"
		}
		for _, n := range v.ScoreNames {
			x, ok := f.Scores[n]
			if !ok {
				x = nan
			}
			w.Cells = append(w.Cells, number(x))
		}
		if n := f.Numbers; n != nil {
			w.MinMax = [2]string{number(n.Min), number(n.Max)}
			if n.MinText != "" || n.MaxText != "" {
				w.MinMax = [2]string{n.MinText, n.MaxText}
			}
			w.Time = n.MinText != "" || n.MaxText != ""
			var qs []string
			for _, q := range n.Quantiles {
				if w.Time {
					break // numbers of some unit since 1970: they say nothing to a reader
				}
				qs = append(qs, fmt.Sprintf("%s: %s", strings.Replace(share(q.Q), ".0%", "%", 1), number(q.Value)))
			}
			w.Q = strings.Join(qs, ", ")
		}
		w.Spark = spark(f)
		v.Features = append(v.Features, w)
	}
}

// weights lists the largest weights of a linear model.
func (v *pageView) weights(in Input) {
	ws := append([]Weight(nil), in.Weights...)
	sort.SliceStable(ws, func(i, j int) bool { return math.Abs(ws[i].Value) > math.Abs(ws[j].Value) })
	ws = ws[:min(len(ws), 40)]
	for _, w := range ws {
		v.Weights = append(v.Weights, weightView{w.Name, number(w.Value), bar(w.Value, math.Abs(ws[0].Value))})
	}
}
