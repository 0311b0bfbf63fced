package jobs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"time"

	"howdah/eval"
	"howdah/internal/engine"
	"howdah/internal/kernel"
	"howdah/internal/onnx"
	"howdah/internal/table"
	"howdah/preprocess"
)

// Summary is summary.json, the last file that a run writes: a run that has one is over.
type Summary struct {
	Job     string    `json:"job"`
	Run     string    `json:"run"`
	State   string    `json:"state"`
	Class   string    `json:"class,omitempty"`
	Error   string    `json:"error,omitempty"`
	Recipe  string    `json:"recipe"`
	Inputs  string    `json:"inputs"`
	Version string    `json:"version"`
	Go      string    `json:"go"`
	Kernel  string    `json:"kernel"`
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended"`
	Owners  int       `json:"owners"`

	Files    int       `json:"files"`
	Skipped  []Skipped `json:"skipped_shards,omitempty"`
	Rows     int64     `json:"rows"` // in the files
	Used     int64     `json:"rows_used"`
	Train    int64     `json:"train_rows"`
	Valid    int64     `json:"validation_rows"`
	Test     int64     `json:"test_rows"`
	Features int       `json:"features"`
	Params   int       `json:"parameters"`
	Epochs   int       `json:"epochs"`
	Best     int       `json:"best_epoch,omitempty"`

	Metrics map[string]map[string]Metric `json:"metrics,omitempty"` // by side and name
	Shown   []string                     `json:"shown_metrics,omitempty"`
	Parity  *Parity                      `json:"parity,omitempty"`
	Model   map[string]string            `json:"model,omitempty"` // SHA-256 of each file
}

// Metric is a metric of the summary, beside the trivial baseline's.
type Metric struct {
	Value    float64 `json:"value"`
	Low      float64 `json:"low,omitempty"`
	High     float64 `json:"high,omitempty"`
	Baseline float64 `json:"baseline"`
	// Gain is the improvement over the baseline on the same rows, positive where the model is better, with its interval.
	Gain     float64 `json:"gain"`
	GainLow  float64 `json:"gain_low"`
	GainHigh float64 `json:"gain_high"`
}

// Parity says on how many rows the exported graph was compared, bit by bit, with what training computes.
type Parity struct {
	Rows        int `json:"rows"`
	Adversarial int `json:"adversarial_rows"`
}

func (r *runner) summary(state string) *Summary {
	s := &Summary{Job: r.run.Job, Run: r.run.ID.String(), State: state, Recipe: r.run.Owner.Recipe, Inputs: r.inputs.Fingerprint(), Version: r.opts.Version,
		Go: runtime.Version(), Kernel: kernel.Class(), Started: r.run.Owner.Started, Ended: time.Now().UTC().Truncate(time.Millisecond), Owners: r.run.Number,
		Files: len(r.inputs.Shards), Skipped: r.inputs.Skipped, Rows: r.inputs.Rows}
	if r.first != nil {
		s.Train, s.Valid, s.Test = r.first.sides[0], r.first.sides[1], r.first.sides[2]
		s.Used = s.Train + s.Valid + s.Test
	}
	if r.enc != nil && r.enc.transformer != nil {
		s.Features = len(r.enc.transformer.Features())
	}
	if r.model != nil {
		s.Params = len(r.model.Params())
		s.Epochs = len(r.epochs)
		s.Best = r.model.BestEpoch() + 1 // epochs count from 1 here, from 0 in training
	}
	return s
}

// Graph builds the exported model: raw columns in, prediction out.
func (r *runner) graph() (*onnx.Graph, error) {
	g := onnx.New("howdah")
	dense, codes, err := r.enc.transformer.Export(g)
	if err != nil {
		return nil, err
	}
	logits, prediction, err := r.model.Export(g, dense, codes)
	if err != nil {
		return nil, err
	}
	g.Output("logits", logits)
	g.Output("prediction", prediction)
	classes, err := json.Marshal(r.target.Classes())
	if err != nil {
		return nil, err
	}
	g.Metadata = append(g.Metadata,
		onnx.KeyValue{Key: "howdah.label", Value: r.src.label},
		onnx.KeyValue{Key: "howdah.classes", Value: string(classes)},
		onnx.KeyValue{Key: "howdah.task", Value: r.target.Type().String()},
		onnx.KeyValue{Key: "howdah.recipe", Value: r.run.Owner.Recipe})
	return g, nil
}

// parityRows is on how many real rows a graph is proved.
const parityRows = 4096

// prove compares the graph, parsed back from its bytes, with Apply and Predict: on the first rows of the data and on
// adversarial ones. Every bit must agree.
func (r *runner) prove(ctx context.Context, model []byte) (*Parity, error) {
	g, err := onnx.Parse(model)
	if err != nil {
		return nil, fmt.Errorf("model.onnx: %w", err)
	}
	prog, err := onnx.Compile(g)
	if err != nil {
		return nil, fmt.Errorf("model.onnx: %w", err)
	}
	p := &Parity{}
	check := func(b *table.Batch, what string) error {
		var e table.Encoded
		if err := r.enc.transformer.Apply(b, &e); err != nil {
			return err
		}
		// Predict wants whole rows; label and id say nothing here.
		e.Labels, e.IDs = make([]float32, b.Rows), make([]uint64, b.Rows)
		if r.enc.layout.Weight {
			e.Weights = make([]float32, b.Rows)
		}
		k := r.model.Outputs()
		logits := make([]float32, b.Rows*k)
		if err := r.model.Predict(&e, logits); err != nil {
			return err
		}
		in, err := r.enc.transformer.InputTensors(b)
		if err != nil {
			return err
		}
		out, err := prog.Run(in, b.Rows)
		if err != nil {
			return fmt.Errorf("model.onnx: %w", err)
		}
		want := make([]float32, len(logits))
		r.model.Probabilities(want, logits)
		for _, o := range []struct {
			name string
			want []float32
		}{{"logits", logits}, {"prediction", want}} {
			got := out[o.name].Floats
			if len(got) != len(o.want) {
				return fmt.Errorf("model.onnx: %s has %d numbers for %d rows of %d", o.name, len(got), b.Rows, k)
			}
			for i := range got {
				if math.Float32bits(got[i]) != math.Float32bits(o.want[i]) {
					return fmt.Errorf("model.onnx differs from what was trained: %s of %s row %d is %v, want %v; the model is not published", o.name, what, i/k, got[i], o.want[i])
				}
			}
		}
		return nil
	}
	scan, err := r.src.scan(r.enc.transformer.Columns(), false, false)
	if err != nil {
		return nil, err
	}
	errEnough := errors.New("enough")
	fields := r.enc.transformer.Inputs()
	for _, u := range r.units {
		err := scan.each(ctx, u, r.scratch[0], func(b rows) error {
			if err := check(b.Batch, "real"); err != nil {
				return err
			}
			if p.Rows == 0 {
				bad, err := preprocess.Adversarial(fields, b.Batch)
				if err != nil {
					return err
				}
				if err := check(bad, "adversarial"); err != nil {
					return err
				}
				p.Adversarial = bad.Rows
			}
			if p.Rows += b.Rows; p.Rows >= parityRows {
				return errEnough
			}
			return nil
		})
		if err == errEnough { //nolint:errorlint // it is ours, unwrapped
			break
		}
		if err != nil {
			return nil, dataError(err)
		}
	}
	return p, nil
}

// sides that are evaluated, by name.
type evaluations map[string]*eval.Evaluation

// evaluate measures the model on each side.
func (r *runner) evaluate(ctx context.Context) (evaluations, error) {
	out := evaluations{}
	base, err := r.trivial()
	if err != nil {
		return nil, err
	}
	cfg := r.evalConfig()
	for side, name := range preprocess.SideNames {
		set := r.enc.sets[side]
		if set.Len() == 0 {
			continue
		}
		bar := r.progress.pass("evaluate "+name, set.Blocks(), set.Len())
		// Blocks of a side are grouped into units of the usual size, whose parts merge in the fixed tree.
		const per = 32
		var units []engine.Unit
		for b := 0; b < set.Blocks(); b += per {
			units = append(units, engine.Unit{Index: b, From: b, To: min(b+per, set.Blocks())})
		}
		parts := make([]*eval.Part, len(units))
		predictors := make([]*predictor, r.workers)
		tasks := make([]engine.Task, len(units))
		for i, u := range units {
			tasks[i] = engine.Task{Func: "evaluate", Units: []engine.Unit{u}}
		}
		local := &engine.Local{Workers: r.workers, Funcs: engine.Funcs{"evaluate": func(ctx context.Context, worker int, t engine.Task) ([]byte, error) {
			if predictors[worker] == nil {
				predictors[worker] = &predictor{p: r.model.NewPredictor(), buf: set.Buffer()}
			}
			p := predictors[worker]
			part := eval.NewPart(cfg, base)
			for b := t.Units[0].From; b < t.Units[0].To; b++ {
				if err := set.Block(b, p.buf, &p.rows); err != nil {
					return nil, err
				}
				p.logits = grow(p.logits, p.rows.Rows*r.model.Outputs())
				if err := p.p.Predict(&p.rows, p.logits); err != nil {
					return nil, err
				}
				if err := part.Update(&p.rows, p.logits); err != nil {
					return nil, err
				}
				bar.rows(int64(p.rows.Rows))
			}
			parts[t.Units[0].From/per] = part
			return nil, nil
		}}}
		merged := eval.NewMerger(cfg, base)
		err := local.Run(ctx, tasks, func(i int, _ []byte) error {
			p := parts[i]
			parts[i] = nil
			return merged.Add(p)
		})
		if err != nil {
			return nil, err
		}
		e, err := merged.Finish()
		if err != nil {
			return nil, fmt.Errorf("evaluation of the %s rows: %w", name, err)
		}
		bar.done()
		out[name] = e
	}
	return out, nil
}

// trivial is what the baseline knows: the shares of the classes among the training rows, or their mean. Where rows have weights
// these count, as they do in the metrics and the loss; sklearn.dummy.DummyClassifier with sample_weight.
func (r *runner) trivial() (eval.Baseline, error) {
	base := eval.Baseline{Mean: r.baseline.Mean, Priors: r.baseline.Priors}
	if r.job.Spec.column(RoleWeight) == "" {
		return base, nil
	}
	set := r.enc.sets[preprocess.SideTrain]
	buf, rows := set.Buffer(), table.Encoded{}
	var total, sum float64
	classes := make([]float64, len(base.Priors))
	for b := range set.Blocks() {
		if err := set.Block(b, buf, &rows); err != nil {
			return base, err
		}
		for i, w := range rows.Weights[:rows.Rows] {
			total += float64(w)
			if y := rows.Labels[i]; len(classes) > 0 {
				classes[int(y)] += float64(w)
			} else {
				sum += float64(float64(w) * float64(y))
			}
		}
	}
	if total == 0 {
		return base, nil // nothing was learnt either, and the evaluation says so
	}
	if len(classes) == 0 {
		base.Mean = sum / total
		return base, nil
	}
	for c := range classes {
		classes[c] /= total
	}
	base.Priors = classes
	if len(classes) == 2 {
		base.Mean = classes[1]
	}
	return base, nil
}

type predictor struct {
	p interface {
		Predict(*table.Encoded, []float32) error
	}
	buf    []byte
	rows   table.Encoded
	logits []float32
}

// publish exports and proves the model, and writes everything that a run leaves; summary.json comes last.
func (r *runner) publish(ctx context.Context, evals evaluations) (*Summary, error) {
	g, err := r.graph()
	if err != nil {
		return nil, err
	}
	model, err := g.Marshal()
	if err != nil {
		return nil, fmt.Errorf("model.onnx: %w", err)
	}
	parity, err := r.prove(ctx, model)
	if err != nil {
		return nil, err
	}
	fitted, err := json.MarshalIndent(r.fitted(), "", "  ")
	if err != nil {
		return nil, err
	}
	s := r.summary(StateSucceeded)
	s.Parity = parity
	s.Metrics = map[string]map[string]Metric{}
	for name, e := range evals {
		s.Metrics[name] = map[string]Metric{}
		for _, m := range e.Metrics {
			s.Metrics[name][m.Name] = Metric{m.Value, m.Low, m.High, m.Baseline, m.Gain, m.GainLow, m.GainHigh}
		}
	}
	s.Shown = r.job.Spec.Evaluate.Metrics
	if s.Shown == nil {
		s.Shown = eval.DefaultMetrics(r.evalConfig().Task)
	}
	files := map[string][]byte{
		"model.onnx":          model,
		"weights.safetensors": r.model.Weights(nil),
		"fitted.json":         append(fitted, '\n'),
	}
	s.Model = map[string]string{}
	for name, b := range files {
		sum := sha256.Sum256(b)
		s.Model[name] = hex.EncodeToString(sum[:])
	}
	for name, b := range files {
		if err := r.run.WriteBehind(ctx, "model/"+name, b); err != nil {
			return nil, err
		}
	}
	manifest := map[string]any{"files": s.Model, "label": r.src.label, "task": r.target.Type().String(), "classes": r.target.Classes(),
		"inputs": r.enc.transformer.Inputs(), "recipe": r.run.Owner.Recipe, "kernel": kernel.Class(), "format": 1}
	if err := r.run.WriteJSONBehind(ctx, "model/manifest.json", manifest); err != nil {
		return nil, err
	}
	if err := r.run.WriteJSONBehind(ctx, "evaluation.json", evals); err != nil {
		return nil, err
	}
	var page bytes.Buffer
	if err := r.report(&page, evals, s); err != nil {
		return nil, fmt.Errorf("report.html: %w", err)
	}
	if err := r.run.WriteBehind(ctx, "report.html", page.Bytes()); err != nil {
		return nil, err
	}
	if err := r.run.Settle(ctx); err != nil {
		return nil, err
	}
	s.Ended = time.Now().UTC().Truncate(time.Millisecond)
	return s, r.run.WriteJSON(ctx, "summary.json", s)
}

// Fitted is fitted.json: what preprocessing learnt, for people and for predict.
type Fitted struct {
	Label     string                  `json:"label"`
	Task      string                  `json:"task"`
	Classes   []string                `json:"classes,omitempty"`
	Split     string                  `json:"split"`
	Transform *preprocess.Transformer `json:"transform"`
	Selection any                     `json:"selection,omitempty"`
	Dropped   []preprocess.Dropped    `json:"dropped,omitempty"`
	Layout    table.Layout            `json:"layout"`
}

func (r *runner) fitted() Fitted {
	return Fitted{r.src.label, r.target.Type().String(), r.target.Classes(), strings.TrimSpace(r.split.Describe()), r.enc.transformer, r.state.Scores(), r.plan.Dropped(r.state), r.enc.layout}
}
