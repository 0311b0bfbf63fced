package eval

import (
	"encoding/json"
	"testing"

	"howdah/internal/table"
)

func TestSmoke(t *testing.T) {
	b := &table.Encoded{Rows: 6, Labels: []float32{0, 1, 1, 0, 1, 0}, IDs: []uint64{1, 2, 3, 4, 5, 6}}
	for _, c := range []Config{{Task: Binary}, {Task: Multiclass, Classes: []string{"a", "b"}}, {Task: Regression}} {
		base := Baseline{Mean: .5, Priors: []float64{.5, .5}}
		m := NewMerger(c, base)
		p := NewPart(c, base)
		z := []float32{-1, 2, 0, 0, 1, -3}
		if c.Task == Multiclass {
			z = []float32{-1, 2, 0, 0, 1, -3, 1, 2, 3, 4, 5, 6}
		}
		if err := p.Update(b, z); err != nil {
			t.Fatal(err)
		}
		if err := m.Add(p); err != nil {
			t.Fatal(err)
		}
		e, err := m.Finish()
		if err != nil {
			t.Fatal(err)
		}
		j, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		q := NewQuick(c)
		q.Update(b, z)
		t.Log(string(j), q.Metrics())
	}
}
