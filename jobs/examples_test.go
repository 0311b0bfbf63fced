package jobs

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"howdah/internal/onnx"
	"howdah/internal/onnxtest"
	"howdah/internal/table"
	"howdah/preprocess"
)

// example loads a job of jobs/examples, its data found from this directory.
func example(t testing.TB, file, data string, sets ...string) *Job {
	t.Helper()
	src, err := os.ReadFile(filepath.Join("examples", file))
	if err != nil {
		t.Fatal(err)
	}
	sets = append(sets, "data.path="+data, "home="+t.TempDir(), "runtime.scratch="+t.TempDir())
	j, err := Load(file, src, sets...)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func examples(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("examples/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for i, f := range files {
		files[i] = filepath.Base(f)
	}
	return files
}

const flights = "../testdata/flights"

// The README's job reaches what scikit-learn's logistic regression reaches on the same rows: testdata/flights_oracle.py.
func TestFlightsAgainstScikitLearn(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("testdata/flights_oracle.json")
	if err != nil {
		t.Fatal(err)
	}
	var oracle struct {
		TrainRows   int64   `json:"train_rows"`
		TestRows    int64   `json:"test_rows"`
		AUC         float64 `json:"auc"`
		BaselineLog float64 `json:"baseline_log_loss"`
	}
	if err := json.Unmarshal(b, &oracle); err != nil {
		t.Fatal(err)
	}
	res, err := example(t, "flights-late.yaml", flights).Run(t.Context(), RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s := res.Summary
	if s.Train != oracle.TrainRows || s.Test != oracle.TestRows {
		t.Fatalf("%d training and %d test rows; scikit-learn had %d and %d", s.Train, s.Test, oracle.TrainRows, oracle.TestRows)
	}
	auc, loss := s.Metrics["test"]["auc"], s.Metrics["test"]["log_loss"]
	t.Logf("test AUC %.4f (scikit-learn %.4f), log loss %.4f (prior %.4f)", auc.Value, oracle.AUC, loss.Value, loss.Baseline)
	if auc.Value < oracle.AUC-0.005 {
		t.Errorf("test AUC %v; scikit-learn reaches %v", auc.Value, oracle.AUC)
	}
	if loss.Value >= loss.Baseline || auc.Low <= 0.5 {
		t.Errorf("not better than the trivial baseline: %+v %+v", loss, auc)
	}
	if math.Abs(loss.Baseline-oracle.BaselineLog) > 1e-9 {
		t.Errorf("the baseline's log loss is %v, scikit-learn says %v", loss.Baseline, oracle.BaselineLog)
	}
}

// Every example trains, and the real onnxruntime answers its graph as we do: codes exactly, preprocessed features and logits
// within 1e-6 + 1e-5|b|, probabilities within 1e-6, on real and on adversarial rows.
func TestExamplesInOnnxruntime(t *testing.T) {
	t.Parallel()
	for _, file := range examples(t) {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			onnxtest.Python(t)
			job := example(t, file, flights+"/day=2013-0[12]-*", "train.epochs=2")
			r := newTestRunner(t, job)
			g := onnx.New("parts")
			dense, codes, err := r.enc.transformer.Export(g)
			if err != nil {
				t.Fatal(err)
			}
			logits, prediction, err := r.model.Export(g, dense, codes)
			if err != nil {
				t.Fatal(err)
			}
			if dense.Name != "" {
				g.Output("dense", dense)
			}
			for i, c := range codes {
				g.Output("code"+string(rune('a'+i)), c)
			}
			g.Output("logits", logits)
			g.Output("prediction", prediction)
			model, err := g.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			for what, b := range r.someRows(t) {
				e, want, probabilities := r.answers(t, b)
				in, err := r.enc.transformer.InputTensors(b)
				if err != nil {
					t.Fatal(err)
				}
				got := onnxtest.Score(t, model, in, b.Rows)
				d, f := len(r.enc.layout.Dense), len(r.enc.layout.Codes)
				if d > 0 {
					near(t, what+": features", got["dense"].Floats, e.Dense, 1e-6, 1e-5)
				}
				for i := range f {
					c := got["code"+string(rune('a'+i))].Int64s
					for k := range b.Rows {
						if c[k] != int64(e.Codes[k*f+i]) {
							t.Fatalf("%s: code %d of row %d is %d, want %d", what, i, k, c[k], e.Codes[k*f+i])
						}
					}
				}
				near(t, what+": logits", got["logits"].Floats, want, 1e-6, 1e-5)
				rel := 0.0
				if r.target.Type() == preprocess.Regression {
					rel = 1e-5
				}
				near(t, what+": prediction", got["prediction"].Floats, probabilities, 1e-6, rel)
			}
		})
	}
}

func near(t *testing.T, what string, got, want []float32, abs, rel float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	for i := range got {
		g, w := float64(got[i]), float64(want[i])
		if g != w && !(math.Abs(g-w) <= abs+rel*math.Abs(w)) {
			t.Fatalf("%s: number %d is %v, want %v", what, i, g, w)
		}
	}
}

// newTestRunner takes a job through training and keeps everything at hand.
func newTestRunner(t *testing.T, j *Job) *runner {
	t.Helper()
	r, err := j.begin(t.Context(), RunOptions{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.enc.remove(); r.pool.close() })
	for _, phase := range r.fitting() {
		if err := phase.do(t.Context()); err != nil {
			t.Fatal(phase.name, err)
		}
	}
	return r
}

// someRows returns real rows and adversarial ones.
func (r *runner) someRows(t *testing.T) map[string]*table.Batch {
	t.Helper()
	scan, err := r.src.scan(r.enc.transformer.Columns(), false, false)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*table.Batch{}
	err = scan.each(t.Context(), r.units[0], &scratch{}, func(b rows) error {
		if out["real rows"] != nil {
			return nil
		}
		out["real rows"] = table.Take(b.Batch, seq(b.Rows), new(table.Arena))
		out["adversarial rows"], err = preprocess.Adversarial(r.enc.transformer.Inputs(), out["real rows"])
		return err
	})
	if err != nil || len(out) != 2 {
		t.Fatal(len(out), err)
	}
	return out
}

func seq(n int) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = int32(i)
	}
	return out
}

// answers are what training computes for rows.
func (r *runner) answers(t *testing.T, b *table.Batch) (e *table.Encoded, logits, predictions []float32) {
	t.Helper()
	e = &table.Encoded{}
	if err := r.enc.transformer.Apply(b, e); err != nil {
		t.Fatal(err)
	}
	e.Labels, e.IDs = make([]float32, b.Rows), make([]uint64, b.Rows)
	logits = make([]float32, b.Rows*r.model.Outputs())
	if err := r.model.Predict(e, logits); err != nil {
		t.Fatal(err)
	}
	predictions = make([]float32, len(logits))
	r.model.Probabilities(predictions, logits)
	return e, logits, predictions
}

// Another day of data moves no row from one side of the split to another.
func TestNewDayMovesNoRow(t *testing.T) {
	t.Parallel()
	sides := func(data, split string) map[uint64]int {
		j := example(t, "flights-late.yaml", data, split, "train.epochs=1")
		r := newTestRunner(t, j)
		out := map[uint64]int{}
		for side, set := range r.enc.sets {
			for e, err := range set.Sequential(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				for _, id := range e.IDs {
					out[id] = side
				}
			}
		}
		return out
	}
	for _, split := range []string{"split={method: hash}", "split={method: random}", "split={method: hash, group: tailnum}"} {
		before := sides(flights+"/day=2013-01-0*", split)
		after := sides(flights+"/day=2013-01-{0*,10}", split)
		if len(before) < 7000 || len(after) < len(before)+500 {
			t.Fatalf("%s: %d rows, then %d", split, len(before), len(after))
		}
		for id, side := range before {
			if s, ok := after[id]; !ok || s != side {
				t.Fatalf("%s: a row went from %s to %d (%v)", split, preprocess.SideNames[side], s, ok)
			}
		}
	}
}

// What a model takes is named as the columns are, and its bytes speak of no place, time or host.
func TestModelSpeaksOfNoPlace(t *testing.T) {
	t.Parallel()
	data := peopleDir(t, 2, 700)
	job := peopleJob(t, data, t.TempDir())
	res, err := job.Run(t.Context(), RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for f, b := range readArtefacts(t, res) {
		for _, word := range []string{data, job.Spec.Home, job.Spec.Runtime.Scratch, host, "/tmp"} {
			if strings.Contains(string(b), word) {
				t.Errorf("%s holds %q", f, word)
			}
		}
	}
}

// Nothing of validation and test rows reaches what is fitted: with other values there, the model is the same.
func TestFittingSeesTrainingRowsOnly(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"{method: time, column: joined}", "{method: hash}", "{method: column, column: side}"} {
		weights := func(spoil bool) (model, evaluation string) {
			dir := t.TempDir()
			for s := range 4 {
				schema, b := people(s*600, 600)
				schema = append(schema, table.Field{Name: "side", Type: table.String})
				side := &table.Strings{}
				joined := b.Lookup("joined").(*table.Int64s)
				for i := range b.Rows {
					joined.Values[i] = 15000 + int64(s*600+i)
					side.Append([]byte([]string{"train", "train", "validation", "test"}[s]))
				}
				b.Put("side", side)
				if spoil {
					r := newSideOf(t, method, schema, b, s)
					age, income, city := b.Lookup("age").(*table.Float64s), b.Lookup("income").(*table.Float64s), &table.Strings{}
					old := b.Lookup("city").(*table.Strings)
					for i := range b.Rows {
						if r[i] == preprocess.SideTrain {
							city.Append(old.At(i))
							continue
						}
						age.Values[i], income.Values[i] = 1e6, -5
						city.Append([]byte("Elsewhere"))
					}
					city.Valid = old.Valid
					b.Put("city", city)
				}
				writeShard(t, filepath.Join(dir, "part-"+string(rune('0'+s))+".parquet"), schema, b)
			}
			job := peopleJob(t, dir, t.TempDir(), "split: "+method,
				"selection: [{method: mutual_information, keep: 0.7}]",
				"features:\n  - {columns: {type: number}, missing: median, clip: {quantiles: [0.01, 0.99]}, scale: standard}\n  - {columns: city, encode: one_hot}\n  - {columns: member}",
				"train: {epochs: 2}")
			res, err := job.Run(t.Context(), RunOptions{Workers: 2})
			if err != nil {
				t.Fatal(err)
			}
			a := readArtefacts(t, res)
			return string(a["model/model.onnx"]) + string(a["model/fitted.json"]), string(a["evaluation.json"])
		}
		model, evaluation := weights(false)
		other, otherEvaluation := weights(true)
		if model != other {
			t.Errorf("split %s: the model depends on rows it must not see", method)
		}
		if evaluation == otherEvaluation {
			t.Errorf("split %s: the evaluation does not depend on the test rows", method)
		}
	}
}

// newSideOf tells on which side the rows of shard s will be: 2,400 rows in four shards, split as the job says.
func newSideOf(t *testing.T, method string, schema table.Schema, b *table.Batch, s int) []uint8 {
	t.Helper()
	out := make([]uint8, b.Rows)
	switch {
	case strings.Contains(method, "column:") && strings.Contains(method, "method: column"):
		for i := range out {
			out[i] = []uint8{0, 0, 1, 2}[s]
		}
	case strings.Contains(method, "time"):
		for i := range out {
			switch k := s*600 + i; {
			case k >= 2160:
				out[i] = preprocess.SideTest
			case k >= 1920:
				out[i] = preprocess.SideValidation
			}
		}
	default:
		sp, err := preprocess.NewSplitter(preprocess.Split{Method: "hash"}.WithDefaults(), schema)
		if err != nil {
			t.Fatal(err)
		}
		f, err := sp.Fit(sp.NewPart())
		if err != nil {
			t.Fatal(err)
		}
		ids := make([]uint64, b.Rows)
		if err := preprocess.RowIDs(b, "id", ids); err != nil {
			t.Fatal(err)
		}
		if err := f.Assign(b, ids, nil, out); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// A second source moves no row of the first one, and a label cannot leak through another column.
func TestSecondSourceMovesNoRow(t *testing.T) {
	t.Parallel()
	a, b := peopleDir(t, 2, 700), t.TempDir()
	schema, rows := people(9000, 700)
	writeShard(t, filepath.Join(b, "part-0.parquet"), schema, rows)
	sides := func(sources ...string) map[uint64]int {
		src := "name: two\nhome: " + t.TempDir() + "\ndata: {sources: ["
		for _, s := range sources {
			src += "{path: " + s + "}, "
		}
		r := newTestRunner(t, mustLoad(t, src+"]}\ncolumns: {bought: {role: label}}\ntrain: {epochs: 1}\nruntime: {scratch: "+t.TempDir()+"}\n"))
		out := map[uint64]int{}
		for side, set := range r.enc.sets {
			for e, err := range set.Sequential(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				for _, id := range e.IDs {
					out[id] = side
				}
			}
		}
		return out
	}
	one, two := sides(a), sides(a, b)
	if len(one) != 1400 || len(two) != 2100 {
		t.Fatalf("%d and %d rows", len(one), len(two))
	}
	for id, side := range one {
		if s, ok := two[id]; !ok || s != side {
			t.Fatalf("a row went from %s to %d (%v)", preprocess.SideNames[side], s, ok)
		}
	}
}

func TestExpressionCannotLeakTheLabel(t *testing.T) {
	t.Parallel()
	for _, columns := range []string{
		"{late: {role: label, expr: arr_delay > 15}, hint: {expr: arr_delay * 2}}",
		"{origin: {role: label}, hint: {expr: lower(origin)}}",
	} {
		j := mustLoad(t, "name: leak\ndata: {path: "+flights+"/day=2013-01-01, where: arr_delay != nil}\ncolumns: "+columns+"\n")
		_, err := j.Plan(t.Context(), PlanOptions{})
		if err == nil || !strings.Contains(err.Error(), "columns.hint.expr: reads ") || !strings.Contains(err.Error(), "the model would be told the answer") || ClassOf(err) != UserError {
			t.Errorf("%s: got %v", columns, err)
		}
	}
	// A weight may be made of the label's columns, and what is ignored tells nobody.
	j := mustLoad(t, "name: ok\ndata: {path: "+flights+"/day=2013-01-01, where: arr_delay != nil}\ncolumns: {late: {role: label, expr: arr_delay > 15}, w: {role: weight, expr: 'arr_delay > 60 ? 2 : 1'}}\n")
	if _, err := j.Plan(t.Context(), PlanOptions{}); err != nil {
		t.Error(err)
	}
}
