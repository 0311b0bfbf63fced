package jobs

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"howdah/eval"
	"howdah/eval/report"
	"howdah/internal/kernel"
	"howdah/internal/sketch"
	"howdah/internal/table"
	"howdah/preprocess"
)

// report writes report.html from what the run knows.
func (r *runner) report(w io.Writer, evals evaluations, s *Summary) error {
	spec := &r.job.Spec
	in := report.Input{
		Job: s.Job, Run: s.Run, Version: s.Version, Recipe: s.Recipe, Inputs: s.Inputs,
		Started: s.Started.In(spec.Zone()).Format("2006-01-02 15:04:05 MST"),
		Took:    time.Since(s.Started).Round(10 * time.Millisecond).String(),
		Label:   r.src.label, Split: r.split.Describe(), Model: r.modelWords(),
		Files: s.Files, Rows: s.Rows, Bytes: r.inputs.Bytes,
		Shown: s.Shown, Best: s.Best,
		Facts: []report.Fact{
			{Name: "Parameters", Value: fmt.Sprint(s.Params)},
			{Name: "Exported graph", Value: fmt.Sprintf("equal in every bit on %d real and %d adversarial rows", s.Parity.Rows, s.Parity.Adversarial)},
			{Name: "Kernels", Value: kernel.Class()},
		},
	}
	if e := r.job.Spec.Data.Where; e != "" {
		in.Removed = append(in.Removed, report.Removed{Reason: "where: " + e, Rows: s.Rows - s.Used - r.first.drop})
	}
	if r.first.drop > 0 {
		in.Removed = append(in.Removed, report.Removed{Reason: "missing: drop_row", Rows: r.first.drop})
	}
	for _, x := range s.Skipped {
		in.Skipped = append(in.Skipped, report.SkippedShard{Path: x.Path, Reason: x.Reason})
	}
	for _, name := range preprocess.SideNames {
		if e := evals[name]; e != nil {
			in.Sides = append(in.Sides, report.Side{Name: name, Evaluation: e})
		}
	}
	for _, e := range r.epochs {
		in.Epochs = append(in.Epochs, report.Epoch{Epoch: e.Epoch, Loss: e.Loss, Rate: e.Rate, Validation: e.Validation})
	}
	for _, x := range r.job.Warnings() {
		in.Warnings = append(in.Warnings, x.Path+": "+x.Msg)
	}
	in.Features = r.reportFeatures()
	if len(r.model.Config().Model.Hidden) == 0 {
		r.reportWeights(&in)
	}
	return report.Render(w, in)
}

// modelWords says what was trained: "mlp 64-32, adam 0.001".
func (r *runner) modelWords() string {
	c := r.model.Config()
	out := c.Model.Type
	for i, h := range c.Model.Hidden {
		sep := "-"
		if i == 0 {
			sep = " "
		}
		out += sep + fmt.Sprint(h)
	}
	batches := fmt.Sprintf("batches of %d", c.Train.BatchSize)
	if c.Optimizer.Type == "gd" {
		batches = "one batch, all rows"
	}
	return fmt.Sprintf("%s, %s, %s %v, %d epochs of %s", out, strings.ReplaceAll(c.Loss.Type, "_", " "), c.Optimizer.Type, *c.Optimizer.LearningRate, c.Train.Epochs, batches)
}

// reportFeatures joins the plan, the first pass' statistics and what selection found.
func (r *runner) reportFeatures() []report.Feature {
	dropped := map[string]string{}
	for _, d := range r.plan.Dropped(r.state) {
		dropped[d.Feature] = d.Reason
	}
	scores := map[string]map[string]float64{}
	for _, s := range r.state.Scores() {
		if scores[s.Feature] == nil {
			scores[s.Feature] = map[string]float64{}
		}
		scores[s.Feature][s.Method] = s.Score
		if !s.Kept && dropped[s.Feature] == "" {
			dropped[s.Feature] = s.Reason
		}
	}
	kept := r.enc.transformer.Features()
	shown := map[string]bool{}
	var out []report.Feature
	for _, c := range r.plan.Describe() {
		if c.Feature == "" {
			continue
		}
		f := report.Feature{Name: c.Feature, Column: c.Column, Type: c.Type, Steps: c.Steps, Kept: slices.Contains(kept, c.Feature), Reason: dropped[c.Feature], Scores: scores[c.Feature]}
		// Several features of one column (the parts of a date) share its statistics; they are shown once.
		if i := slices.Index(r.first.stats.names, c.Column); i >= 0 && !shown[c.Column] {
			shown[c.Column] = true
			field, _ := r.src.schema.Lookup(c.Column)
			describeColumn(&f, field, r.first.stats.cols[i])
		}
		out = append(out, f)
	}
	return out
}

func describeColumn(f *report.Feature, field table.Field, p *sketch.Profile) {
	if p.Rows == 0 {
		return
	}
	missing := p.Nulls + p.Moments.NaN
	if p.Kind == sketch.ProfileString {
		missing = p.Nulls + p.Empty
	}
	f.Missing = float64(missing) / float64(p.Rows)
	f.Distinct = int64(p.Distinct.Estimate() + 0.5)
	switch p.Kind {
	case sketch.ProfileFloat, sketch.ProfileInt:
		if p.Values.Count() == 0 {
			return
		}
		d := p.Values.Distribution()
		n := &report.Numbers{Mean: p.Moments.Mean, SD: p.Moments.Std(1), Min: p.Moments.Min, Max: p.Moments.Max}
		if field.Type.Temporal() {
			n.MinText, n.MaxText = timeText(field, p.MinInt), timeText(field, p.MaxInt)
		}
		for _, q := range []float64{0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99} {
			n.Quantiles = append(n.Quantiles, report.Quantile{Q: q, Value: d.Quantile(q)})
		}
		n.Histogram = histogram(d, n.Min, n.Max)
		f.Numbers = n
	case sketch.ProfileString:
		for _, k := range p.Texts.MostFrequent(5) {
			f.Top = append(f.Top, report.Category{Value: k.Key, Count: k.Count})
		}
	}
}

// histogram cuts a distribution into bins of equal width.
func histogram(d *sketch.Distribution, lo, hi float64) *eval.Histogram {
	const bins = 20
	if !(lo < hi) {
		return nil
	}
	h := &eval.Histogram{}
	var before int64
	for i := range bins + 1 {
		edge := lo + (hi-lo)*float64(i)/bins
		h.Edges = append(h.Edges, edge)
		if i == 0 {
			continue
		}
		rank := d.Rank(edge)
		if i == bins {
			rank = d.Count()
		}
		h.Weights = append(h.Weights, float64(rank-before))
		before = rank
	}
	return h
}

// timeText writes a date or time of a column.
func timeText(f table.Field, v int64) string {
	switch f.Type {
	case table.Date:
		return time.Unix(v*86400, 0).UTC().Format(time.DateOnly)
	case table.Timestamp:
		unit := int64(f.Unit)
		return time.Unix(v/unit, v%unit*(1e9/unit)).UTC().Format("2006-01-02 15:04:05")
	}
	return fmt.Sprint(time.Duration(v * (1e9 / int64(f.Unit))))
}

// reportWeights lists the weights of a linear model by name.
func (r *runner) reportWeights(in *report.Input) {
	names := map[string][]string{}
	for _, c := range r.enc.layout.Codes {
		names[c.Feature] = c.Names
	}
	for w := range r.model.FirstLayer {
		if len(w.Values) != 1 {
			return // a weight for each class: too many to show as one list
		}
		name := w.Feature
		if w.Code >= 0 {
			label := fmt.Sprint(w.Code)
			if n := names[w.Feature]; w.Code < len(n) {
				label = n[w.Code]
			}
			name += " = " + label
		}
		in.Weights = append(in.Weights, report.Weight{Name: name, Value: float64(w.Values[0])})
	}
}
