package onnx_test

import (
	"fmt"
	"math"

	"howdah/internal/onnx"
)

// A column with missing values, filled and scaled in its own type, then cast: as steps of preprocess write it.
func Example() {
	g := onnx.New("example")
	x := g.Input("age", onnx.Double)
	x = g.Where(g.IsNaN(x), g.Double(40), x)
	x = g.Div(g.Sub(x, g.Double(40)), g.Double(10))
	g.Output("scaled", g.Cast(x, onnx.Float))

	model, err := g.Marshal() // model.onnx
	if err != nil {
		fmt.Println(err)
	}
	back, err := onnx.Parse(model)
	if err != nil {
		fmt.Println(err)
	}
	p, err := onnx.Compile(back)
	if err != nil {
		fmt.Println(err)
	}
	ages := onnx.Tensor{Type: onnx.Double, Doubles: []float64{20, math.NaN(), 55}}
	out, err := p.Run(map[string]onnx.Tensor{"age": ages}, 3)
	fmt.Println(out["scaled"].Floats, err)
	// Output: [-2 0 1.5] <nil>
}
