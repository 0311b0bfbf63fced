package train_test

import (
	"context"
	"fmt"

	"howdah/internal/table"
	"howdah/train"
)

// A logistic model of one number and one category, trained in memory.
func Example() {
	layout := table.Layout{
		Dense:   []string{"distance"},
		Codes:   []table.CodeSlot{{Feature: "carrier", Size: 2}},
		Classes: []string{"in time", "late"},
	}
	rows, err := train.NewMemory(layout, &table.Encoded{
		Rows:   6,
		Dense:  []float32{-1, 1, -0.5, 0.5, 0, 0},
		Codes:  []int32{0, 1, 0, 1, 0, 1}, // carrier 1 is late
		Labels: []float32{0, 1, 0, 1, 0, 1},
		IDs:    []uint64{1, 2, 3, 4, 5, 6},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	var cfg train.Config
	if err := cfg.Optimizer.UnmarshalJob(map[string]any{"type": "adam", "learning_rate": 0.1}); err != nil {
		fmt.Println(err)
		return
	}
	cfg.Train.Epochs = 50
	model, err := train.New(cfg, layout, train.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := train.Fit(context.Background(), []train.Trainer{model}, rows, train.FitOptions{}); err != nil {
		fmt.Println(err)
		return
	}
	// Code 2 is a carrier that was never seen.
	p := make([]float32, 3)
	if err := model.Predict(&table.Encoded{Rows: 3, Dense: []float32{0, 0, 0}, Codes: []int32{0, 1, 2}}, p); err != nil {
		fmt.Println(err)
		return
	}
	model.Probabilities(p, p)
	fmt.Printf("late: %.1f %.1f %.1f\n", p[0], p[1], p[2])
	// Output: late: 0.1 0.9 0.5
}
