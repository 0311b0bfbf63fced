package onnxtest

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"

	"howdah/internal/onnx"
)

func column(x ...float64) map[string]onnx.Tensor {
	return map[string]onnx.Tensor{"y": {Type: onnx.Double, Shape: []int{len(x), 1}, Doubles: x}}
}

func TestEqual(t *testing.T) {
	t.Parallel()
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		have, want []float64
		exact      bool
		err        string
	}{
		{[]float64{1, nan, inf}, []float64{1, nan, inf}, true, ""},
		{[]float64{1}, []float64{1 + 1e-15}, true, "row 0, column 0: 1, want"},
		{[]float64{0}, []float64{math.Copysign(0, -1)}, true, "row 0, column 0: 0, want -0"},
		{[]float64{0}, []float64{math.Copysign(0, -1)}, false, ""},
		{[]float64{0, 100}, []float64{1e-6, 100.001}, false, ""},
		{[]float64{0, 100}, []float64{0, 100.002}, false, "row 1, column 0: 100, want 100.002"},
		{[]float64{1}, []float64{inf}, false, "want +Inf"},
		{[]float64{inf}, []float64{1}, false, "+Inf, want 1"},
		{[]float64{nan}, []float64{1}, false, "NaN, want 1"},
		{[]float64{1}, []float64{nan}, false, "want NaN"},
		{[]float64{1, 2}, []float64{1}, false, "double[2 1], want double[1 1]"},
	} {
		err := Equal(column(c.have...), column(c.want...), c.exact)
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%v and %v, exact %v: want %q, have %v", c.have, c.want, c.exact, c.err, err)
		}
	}
	if Equal(map[string]onnx.Tensor{"z": column(1)["y"]}, column(1), false) == nil {
		t.Error("outputs of other names pass for equal")
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	for _, x := range []onnx.Tensor{
		column(1, math.Inf(-1), 1e-310)["y"],
		{Type: onnx.Float, Shape: []int{1, 2}, Floats: []float32{1.5, -2}},
		{Type: onnx.Int64, Shape: []int{1, 1}, Int64s: []int64{math.MinInt64}},
		{Type: onnx.Int32, Shape: []int{1, 1}, Int32s: []int32{-5}},
		{Type: onnx.UInt32, Shape: []int{1, 1}, UInt32s: []uint32{math.MaxUint32}},
		{Type: onnx.Bool, Shape: []int{2, 1}, Bools: []bool{true, false}},
		{Type: onnx.String, Shape: []int{2, 1}, Strings: [][]byte{{}, []byte("a\x00ü")}},
	} {
		b, err := json.Marshal(Tensor{x})
		if err != nil {
			t.Fatal(err)
		}
		var y Tensor
		if err := json.Unmarshal(b, &y); err != nil || !reflect.DeepEqual(x, y.Tensor) {
			t.Errorf("%s: want %v, have %v (%v)", b, x, y.Tensor, err)
		}
	}
}

// TestScoreAll: a broken model is an error, and does not hide the answer to the next.
func TestScoreAll(t *testing.T) {
	t.Parallel()
	g := onnx.New("double")
	x := g.Input("x", onnx.Double)
	g.Output("y", g.AddOp(x, x))
	b, err := g.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	in := column(1, 2, -4)
	in = map[string]onnx.Tensor{"x": in["y"]}
	rs, versions := ScoreAll(t, []Case{{Model: b[:20], In: in, Rows: 3}, {Model: b, In: in, Rows: 3}})
	if rs[0].Err == nil {
		t.Error("half a model was scored")
	}
	if rs[1].Err != nil || Equal(rs[1].Out, column(2, 4, -8), true) != nil {
		t.Errorf("have %v, %v", rs[1].Out, rs[1].Err)
	}
	if versions["onnxruntime"] == "" {
		t.Errorf("versions: %v", versions)
	}
}
