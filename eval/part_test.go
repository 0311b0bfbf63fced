package eval

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"howdah/internal/table"
)

// sampleRows are rows with many equal scores, and weights where asked.
func sampleRows(task Task, rows, classes int, weighted bool, seed uint64) (*table.Encoded, []float32) {
	r := rand.New(rand.NewPCG(seed, 5))
	b := &table.Encoded{Rows: rows}
	outputs := 1
	if task == Multiclass {
		outputs = classes
	}
	z := make([]float32, rows*outputs)
	for i := range rows {
		b.IDs = append(b.IDs, r.Uint64())
		y := float32(r.IntN(max(classes, 1)))
		if task == Regression {
			y = float32(r.NormFloat64())
		}
		b.Labels = append(b.Labels, y)
		if weighted {
			b.Weights = append(b.Weights, float32(r.IntN(5))/3)
		}
		for c := range outputs {
			z[i*outputs+c] = float32(r.NormFloat64())
			if i%3 == 0 {
				z[i*outputs+c] = float32(math.Round(r.NormFloat64()*8)) / 8
			}
		}
	}
	return b, z
}

func marshal(t *testing.T, e *Evaluation) []byte {
	t.Helper()
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var tasks = []struct {
	cfg  Config
	base Baseline
}{
	{Config{Task: Binary}, Baseline{Priors: []float64{0.5, 0.5}}},
	{Config{Task: Multiclass, Classes: []string{"a", "b", "c", "d"}}, Baseline{Priors: []float64{0.4, 0.3, 0.2, 0.1}}},
	{Config{Task: Regression}, Baseline{Mean: 0.25}},
}

// The blocks in which the rows of a unit come change no bit; without weights, the order of the units changes no ranking.
func TestSameBits(t *testing.T) {
	t.Parallel()
	for _, c := range tasks {
		for _, weighted := range []bool{false, true} {
			classes := 2
			if c.cfg.Task == Multiclass {
				classes = 4
			}
			b, z := sampleRows(c.cfg.Task, 9000, classes, weighted, 3)
			var want []byte
			for _, block := range []int{9000, 1024, 4096, 7, 1500} {
				m := NewMerger(c.cfg, c.base)
				for from := 0; from < b.Rows; from += 3000 {
					p := NewPart(c.cfg, c.base)
					for at := from; at < from+3000; at += block {
						rows, logits := part(b, z, at, min(at+block, from+3000))
						if err := p.Update(rows, logits); err != nil {
							t.Fatal(err)
						}
					}
					if err := m.Add(p); err != nil {
						t.Fatal(err)
					}
				}
				e, err := m.Finish()
				if err != nil {
					t.Fatal(err)
				}
				got := marshal(t, e)
				if want == nil {
					want = got
				}
				if !bytes.Equal(got, want) {
					t.Errorf("%s, weighted %v: blocks of %d rows give\n%s\nwant\n%s", c.cfg.Task, weighted, block, got, want)
				}
			}
		}
	}
}

// The parts' bytes hold everything.
func TestPartBytes(t *testing.T) {
	t.Parallel()
	for _, c := range tasks {
		classes := 2
		if c.cfg.Task == Multiclass {
			classes = 4
		}
		b, z := sampleRows(c.cfg.Task, 5000, classes, true, 4)
		var results [2][]byte
		for round := range results {
			m := NewMerger(c.cfg, c.base)
			for from := 0; from < b.Rows; from += 700 {
				p := NewPart(c.cfg, c.base)
				rows, logits := part(b, z, from, min(from+700, b.Rows))
				if err := p.Update(rows, logits); err != nil {
					t.Fatal(err)
				}
				if round == 1 {
					body, err := p.AppendBinary([]byte("x"))
					if err != nil {
						t.Fatal(err)
					}
					p = NewPart(c.cfg, c.base)
					if err := p.UnmarshalBinary(body[1:]); err != nil {
						t.Fatal(err)
					}
					again, err := p.AppendBinary(nil)
					if err != nil || !bytes.Equal(again, body[1:]) {
						t.Errorf("%s: the bytes differ the second time (%v)", c.cfg.Task, err)
					}
					for _, n := range []int{0, 1, 5, len(body) / 2, len(body) - 2} {
						if err := NewPart(c.cfg, c.base).UnmarshalBinary(body[1:][:n]); err == nil {
							t.Errorf("%s: %d of %d bytes are accepted", c.cfg.Task, n, len(body)-1)
						}
					}
				}
				if err := m.Add(p); err != nil {
					t.Fatal(err)
				}
			}
			e, err := m.Finish()
			if err != nil {
				t.Fatal(err)
			}
			results[round] = marshal(t, e)
		}
		if !bytes.Equal(results[0], results[1]) {
			t.Errorf("%s: parts that travelled give\n%s\nwant\n%s", c.cfg.Task, results[1], results[0])
		}
	}
	// A part of another task or of other classes is refused.
	body, err := NewPart(tasks[0].cfg, tasks[0].base).AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := NewPart(tasks[1].cfg, tasks[1].base).UnmarshalBinary(body); err == nil {
		t.Error("a part of another task is accepted")
	}
}

func FuzzPart(f *testing.F) {
	for _, c := range tasks {
		b, z := sampleRows(c.cfg.Task, 40, len(c.base.Priors), true, 4)
		p := NewPart(c.cfg, c.base)
		if err := p.Update(b, z); err != nil {
			f.Fatal(err)
		}
		body, err := p.AppendBinary(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, c := range tasks {
			if len(body) < 3 || body[2] != c.cfg.Task[0] {
				continue // refused before anything else is read: a test of its own
			}
			p := NewPart(c.cfg, c.base)
			if p.UnmarshalBinary(body) != nil {
				continue
			}
			m := NewMerger(c.cfg, c.base)
			if err := m.Add(p); err != nil {
				continue
			}
			e, err := m.Finish()
			if err != nil {
				continue
			}
			if _, err := json.Marshal(e); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestBadRows(t *testing.T) {
	t.Parallel()
	nan := float32(math.NaN())
	ids := []uint64{1, 2}
	for _, c := range []struct {
		cfg    Config
		base   Baseline
		rows   table.Encoded
		logits []float32
		want   string
	}{
		{tasks[0].cfg, tasks[0].base, table.Encoded{Rows: 2, Labels: []float32{0, 1}, IDs: ids}, []float32{1, nan}, "the model's output 0 for row 1 of the block is NaN"},
		{tasks[0].cfg, tasks[0].base, table.Encoded{Rows: 2, Labels: []float32{0, 1}, IDs: ids}, []float32{float32(math.Inf(-1)), 1}, "for row 0 of the block is -Inf"},
		{tasks[0].cfg, tasks[0].base, table.Encoded{Rows: 2, Labels: []float32{0, 2}, IDs: ids}, []float32{1, 1}, "the label of row 1 of the block is 2; want a class's code below 2"},
		{tasks[0].cfg, tasks[0].base, table.Encoded{Rows: 2, Labels: []float32{0, 0.5}, IDs: ids}, []float32{1, 1}, "the label of row 1 of the block is 0.5"},
		{tasks[0].cfg, tasks[0].base, table.Encoded{Rows: 2, Labels: []float32{0, 1}, IDs: ids}, []float32{1, 1, 1}, "want 1 or 2 logits for each of 2 rows, have 3 in all"},
		{tasks[1].cfg, tasks[1].base, table.Encoded{Rows: 2, Labels: []float32{0, 1}, IDs: ids}, make([]float32, 6), "want 4 logits for each of 2 rows, have 6 in all"},
		{tasks[1].cfg, tasks[1].base, table.Encoded{Rows: 2, Labels: []float32{0, 4}, IDs: ids}, make([]float32, 8), "want a class's code below 4"},
		{tasks[2].cfg, tasks[2].base, table.Encoded{Rows: 2, Labels: []float32{0, nan}, IDs: ids}, make([]float32, 2), "the label of row 1 of the block is NaN"},
		{tasks[2].cfg, tasks[2].base, table.Encoded{Rows: 2, Labels: []float32{0, 1}, Weights: []float32{1, -1}, IDs: ids}, make([]float32, 2), "the weight of row 1 of the block is -1"},
		{tasks[2].cfg, tasks[2].base, table.Encoded{Rows: 2, Labels: []float32{0, 1}, Weights: []float32{1}, IDs: ids}, make([]float32, 2), "2 rows have 2 labels and 1 weights"},
		{tasks[2].cfg, tasks[2].base, table.Encoded{Rows: 2, Labels: []float32{0, 1}}, make([]float32, 2), "2 rows have 0 ids"},
		{Config{Task: "ranking"}, Baseline{}, table.Encoded{}, nil, `unknown task "ranking"`},
		{Config{Task: Binary, Threshold: 1.5}, Baseline{}, table.Encoded{}, nil, "threshold is a probability"},
		{Config{Task: Binary, Confidence: 95}, Baseline{}, table.Encoded{}, nil, "confidence lies between 0 and 1, have 95"},
		{Config{Task: Binary}, Baseline{}, table.Encoded{}, nil, "the shares of 2 classes, have 0"},
		{Config{Task: Regression}, Baseline{Mean: math.NaN()}, table.Encoded{}, nil, "mean is NaN"},
	} {
		p := NewPart(c.cfg, c.base)
		err := p.Update(&c.rows, c.logits)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
		if p.rows != 0 {
			t.Errorf("%d rows were added all the same", p.rows)
		}
	}
}

// Rows that define no metric, or little, leave it out with a reason, and no number is NaN.
func TestAbsent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		task         int
		labels, z, w []float32
		absent       []string
		fails        string
	}{
		{0, []float32{0, 0, 0}, []float32{-1, -2, 3}, nil, []string{"auc: no row is positive", "pr_auc: no row is positive", "recall: no row is positive", "f1: no row is positive"}, ""},
		{0, []float32{1, 1}, []float32{-1, 2}, nil, []string{"auc: every row is positive", "pr_auc: every row is positive"}, ""},
		{0, []float32{1, 0}, []float32{-1, -2}, nil, []string{"precision: no row is predicted positive"}, ""},
		{0, []float32{1}, []float32{100}, nil, []string{"auc: every row is positive", "pr_auc: every row is positive"}, ""},
		{0, []float32{1, 0}, []float32{1e38, -1e38}, nil, nil, ""},
		{0, []float32{1, 0}, []float32{1, 1}, []float32{0, 0}, nil, "the weights of the 2 rows add up to 0"},
		{0, nil, nil, nil, nil, "there are no rows"},
		{1, []float32{2, 2}, []float32{1, 2, 3, 4, 5, 6, 7, 8}, nil, []string{"auc: the rows are of one class"}, ""},
		{2, []float32{5, 5, 5}, []float32{1, 2, 3}, nil, []string{"r2: the label is constant"}, ""},
		{2, []float32{0.1}, []float32{0.1}, nil, []string{"r2: the label is constant"}, ""},
		{2, []float32{1e38, -1e38, 3e38}, []float32{-3e38, 3e38, 3e38}, nil, nil, ""},
	} {
		task := tasks[c.task]
		b := &table.Encoded{Rows: len(c.labels), Labels: c.labels, Weights: c.w}
		for i := range c.labels {
			b.IDs = append(b.IDs, uint64(i))
		}
		m := NewMerger(task.cfg, task.base)
		p := NewPart(task.cfg, task.base)
		if err := p.Update(b, c.z); err != nil {
			t.Fatal(err)
		}
		if err := m.Add(p); err != nil {
			t.Fatal(err)
		}
		e, err := m.Finish()
		if c.fails != "" {
			if err == nil || !strings.Contains(err.Error(), c.fails) {
				t.Errorf("error %v, want %q", err, c.fails)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		marshal(t, e)
		var got []string
		for _, a := range e.Absent {
			got = append(got, a.Name+": "+a.Reason)
			if e.Metric(a.Name) != nil {
				t.Errorf("%s is both there and absent", a.Name)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(c.absent) {
			t.Errorf("labels %v, scores %v: absent %q, want %q", c.labels, c.z, got, c.absent)
		}
		q := NewQuick(task.cfg)
		if err := q.Update(b, c.z); err != nil {
			t.Fatal(err)
		}
		for n, v := range q.Metrics() {
			if !finite(v) {
				t.Errorf("of an epoch: %s = %v", n, v)
			}
		}
	}
	if m := NewQuick(tasks[0].cfg).Metrics(); len(m) != 0 {
		t.Errorf("no rows have %v", m)
	}
}

func TestMergerRefuses(t *testing.T) {
	t.Parallel()
	m := NewMerger(tasks[0].cfg, tasks[0].base)
	if err := m.Add(nil); err == nil {
		t.Error("a missing part is accepted")
	}
	if err := m.Add(NewPart(tasks[0].cfg, tasks[0].base)); err != nil {
		t.Error(err)
	}
	if err := m.Add(NewPart(tasks[2].cfg, tasks[2].base)); err == nil || !strings.Contains(err.Error(), "do not merge") {
		t.Errorf("a part of another task: %v", err)
	}
	if err := m.Add(NewPart(Config{Task: Binary, Threshold: 2}, tasks[0].base)); err == nil {
		t.Error("a part of a bad configuration is accepted")
	}
}
