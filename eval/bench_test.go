package eval

import "testing"

// benchConfig is a task with balanced classes.
func benchConfig(task Task, classes int) (Config, Baseline) {
	cfg, base := Config{Task: task}, Baseline{Priors: []float64{0.5, 0.5}}
	if task == Multiclass {
		cfg.Classes = make([]string, classes)
		base.Priors = make([]float64, classes)
	}
	return cfg, base
}

// BenchmarkQuick is an epoch's metrics over 1,048,576 rows.
func BenchmarkQuick(b *testing.B) {
	for _, task := range []Task{Binary, Multiclass, Regression} {
		b.Run(string(task), func(b *testing.B) {
			cfg, _ := benchConfig(task, 4)
			rows, z := sampleRows(task, unitRows, max(len(cfg.Classes), 2), false, 1)
			b.SetBytes(unitRows)
			b.ReportAllocs()
			for b.Loop() {
				q := NewQuick(cfg)
				for range 8 {
					if err := q.Update(rows, z); err != nil {
						b.Fatal(err)
					}
				}
				if len(q.Metrics()) == 0 {
					b.Fatal("no metrics")
				}
			}
		})
	}
}

// BenchmarkPart is one unit of rows.
func BenchmarkPart(b *testing.B) {
	for _, task := range []Task{Binary, Multiclass, Regression} {
		b.Run(string(task), func(b *testing.B) {
			cfg, base := benchConfig(task, 4)
			rows, z := sampleRows(task, unitRows, max(len(cfg.Classes), 2), false, 1)
			b.SetBytes(unitRows)
			b.ReportAllocs()
			for b.Loop() {
				p := NewPart(cfg, base)
				if err := p.Update(rows, z); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkEvaluation merges the parts of 2 million rows of different scores and finishes.
func BenchmarkEvaluation(b *testing.B) {
	cfg, base := benchConfig(Binary, 2)
	var parts [16][]byte
	for i := range parts {
		rows, z := sampleRows(Binary, unitRows, 2, false, uint64(i))
		p := NewPart(cfg, base)
		if err := p.Update(rows, z); err != nil {
			b.Fatal(err)
		}
		var err error
		if parts[i], err = p.AppendBinary(nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		m := NewMerger(cfg, base)
		for _, body := range parts {
			p := NewPart(cfg, base)
			if err := p.UnmarshalBinary(body); err != nil {
				b.Fatal(err)
			}
			if err := m.Add(p); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := m.Finish(); err != nil {
			b.Fatal(err)
		}
	}
}
