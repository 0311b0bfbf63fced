package preprocess

import (
	"sync"
	"testing"

	"howdah/internal/table"
)

// TestApplyConcurrently: one transformer serves all workers, whose batches come from different dictionaries.
func TestApplyConcurrently(t *testing.T) {
	t.Parallel()
	p := compile(t, nil, Options{})
	tr, err := p.Transformer(fit(t, p, units(2, 1000)), nil)
	if err != nil {
		t.Fatal(err)
	}
	const batches = 12
	want := make([]table.Encoded, batches)
	for k := range want {
		if err := tr.Apply(wholeBatch(1500, uint64(k), k%2 == 0), &want[k]); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			var out table.Encoded
			for k := range batches {
				k = (k*5 + w) % batches
				b := wholeBatch(1500, uint64(k), k%2 == 0)
				if err := tr.Apply(b, &out); err != nil {
					t.Error(err)
					return
				}
				for i, x := range out.Dense {
					if x != want[k].Dense[i] {
						t.Errorf("batch %d differs", k)
						return
					}
				}
				for i, c := range out.Codes {
					if c != want[k].Codes[i] {
						t.Errorf("batch %d differs in its codes", k)
						return
					}
				}
				poison(b)
			}
		})
	}
	wg.Wait()
}
