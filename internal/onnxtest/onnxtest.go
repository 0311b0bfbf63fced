// Package onnxtest scores models by the real onnxruntime, for tests, and compares tensors.
//
// It runs the Python that HOWDAH_PYTHON names, which must have onnx and onnxruntime. Where the variable is not set a test that
// needs it is skipped, but fails where CI=true.
package onnxtest

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"testing"

	"howdah/internal/onnx"
)

//go:embed score.py
var script string

// Case is a model with the columns to score it on, each [rows,1].
type Case struct {
	Model []byte
	In    map[string]onnx.Tensor
	Rows  int
	Plain bool // without onnxruntime's graph optimizations
}

// Result is what onnxruntime answered, or its error.
type Result struct {
	Out map[string]onnx.Tensor
	Err error
}

// Python returns the interpreter, or ends the test: see the package's comment.
func Python(t testing.TB) string {
	t.Helper()
	p := os.Getenv("HOWDAH_PYTHON")
	if p == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("HOWDAH_PYTHON is not set: it must name a Python with onnx and onnxruntime")
		}
		t.Skip("HOWDAH_PYTHON is not set: it names a Python with onnx and onnxruntime")
	}
	return p
}

// Score has onnx's checker look at one model and onnxruntime score it over the columns of in, each [rows,1]. It ends the test
// where they refuse the model.
func Score(t testing.TB, model []byte, in map[string]onnx.Tensor, rows int) map[string]onnx.Tensor {
	t.Helper()
	rs, _ := ScoreAll(t, []Case{{Model: model, In: in, Rows: rows}})
	if rs[0].Err != nil {
		t.Fatal(rs[0].Err)
	}
	return rs[0].Out
}

// ScoreAll scores many models in one process, which starts in about a second. It also returns the versions of the libraries.
func ScoreAll(t testing.TB, cases []Case) ([]Result, map[string]string) {
	t.Helper()
	type request struct {
		Model    []byte            `json:"model"`
		Inputs   map[string]Tensor `json:"inputs"`
		Optimize bool              `json:"optimize"`
	}
	var req struct {
		Cases []request `json:"cases"`
	}
	for _, c := range cases {
		r := request{Model: c.Model, Inputs: map[string]Tensor{}, Optimize: !c.Plain}
		for name, x := range c.In {
			x.Shape = []int{c.Rows, 1}
			r.Inputs[name] = Tensor{x}
		}
		req.Cases = append(req.Cases, r)
	}
	in, err := json.Marshal(req)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), Python(t), "-c", script)
	var out, msg bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &msg
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd.Path, err, msg.Bytes())
	}
	var resp struct {
		Versions map[string]string
		Results  []struct {
			Outputs map[string]Tensor
			Error   string
		}
	}
	if err := json.Unmarshal(out.Bytes(), &resp); err != nil {
		t.Fatal(err)
	}
	if len(resp.Results) != len(cases) {
		t.Fatalf("%d results for %d cases", len(resp.Results), len(cases))
	}
	results := make([]Result, len(cases))
	for i, r := range resp.Results {
		if r.Error != "" {
			results[i].Err = fmt.Errorf("onnxruntime: %s", r.Error)
			continue
		}
		results[i].Out = map[string]onnx.Tensor{}
		for name, x := range r.Outputs {
			results[i].Out[name] = x.Tensor
		}
	}
	return results, resp.Versions
}

// Tensor is a tensor as JSON: {"type", "shape", "data"}, data being little-endian bytes in base64, or a list of such strings.
type Tensor struct{ onnx.Tensor }

type jsonTensor struct {
	Type  string          `json:"type"`
	Shape []int           `json:"shape"`
	Data  json.RawMessage `json:"data"`
}

// MarshalJSON implements json.Marshaler.
func (x Tensor) MarshalJSON() ([]byte, error) {
	var data any
	if x.Type == onnx.String {
		s := make([][]byte, len(x.Strings)) // a nil string is an empty one
		for i, b := range x.Strings {
			s[i] = append([]byte{}, b...)
		}
		data = s
	} else {
		var b bytes.Buffer
		for _, v := range []any{x.Floats, x.Doubles, x.Int64s, x.Int32s, x.UInt32s, x.Bools} {
			if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
				return nil, err
			}
		}
		data = base64.StdEncoding.EncodeToString(b.Bytes())
	}
	raw, err := json.Marshal(data)
	if err != nil {
		return nil, err
	}
	return json.Marshal(jsonTensor{x.Type.String(), x.Shape, raw})
}

// UnmarshalJSON implements json.Unmarshaler.
func (x *Tensor) UnmarshalJSON(b []byte) error {
	var j jsonTensor
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	n := 1
	for _, d := range j.Shape {
		n *= d
	}
	x.Tensor = onnx.Tensor{Shape: j.Shape}
	for _, t := range []onnx.DType{onnx.Float, onnx.Double, onnx.Int64, onnx.Int32, onnx.UInt32, onnx.Bool, onnx.String} {
		if t.String() == j.Type {
			x.Type = t
		}
	}
	if x.Type == onnx.String {
		return json.Unmarshal(j.Data, &x.Strings)
	}
	var raw []byte
	if err := json.Unmarshal(j.Data, &raw); err != nil {
		return err
	}
	r := bytes.NewReader(raw)
	var err error
	switch x.Type {
	case onnx.Float:
		x.Floats, err = read[float32](r, n)
	case onnx.Double:
		x.Doubles, err = read[float64](r, n)
	case onnx.Int64:
		x.Int64s, err = read[int64](r, n)
	case onnx.Int32:
		x.Int32s, err = read[int32](r, n)
	case onnx.UInt32:
		x.UInt32s, err = read[uint32](r, n)
	case onnx.Bool:
		x.Bools, err = read[bool](r, n)
	default:
		err = fmt.Errorf("unknown type %q", j.Type)
	}
	return err
}

func read[T any](r *bytes.Reader, n int) ([]T, error) {
	out := make([]T, n)
	return out, binary.Read(r, binary.LittleEndian, out)
}

// Equal compares what a program yields with what another does, by output name. Types and shapes must be the same, and
// integers, booleans and strings equal. Floats and doubles must have the same bits (but any NaN is like any other) where exact,
// otherwise differ by at most 1e-6 + 1e-5·|want|. The error names the first element that differs.
func Equal(have, want map[string]onnx.Tensor, exact bool) error {
	if len(have) != len(want) {
		return fmt.Errorf("%d outputs, want %d", len(have), len(want))
	}
	var errs []error
	for name, w := range want {
		h, ok := have[name]
		if !ok {
			errs = append(errs, fmt.Errorf("output %q is missing", name))
		} else if err := equal(&h, &w, exact); err != nil {
			errs = append(errs, fmt.Errorf("output %q: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

func equal(h, w *onnx.Tensor, exact bool) error {
	if h.Type != w.Type || fmt.Sprint(h.Shape) != fmt.Sprint(w.Shape) {
		return fmt.Errorf("%v%v, want %v%v", h.Type, h.Shape, w.Type, w.Shape)
	}
	near := func(a, b float64) bool {
		if a == b || a != a && b != b {
			return !exact || math.Signbit(a) == math.Signbit(b) || a != a
		}
		return !exact && !math.IsInf(a, 0) && !math.IsInf(b, 0) && math.Abs(a-b) <= 1e-6+1e-5*math.Abs(b)
	}
	width := 1
	if len(h.Shape) == 2 {
		width = max(h.Shape[1], 1)
	}
	for i := range h.Len() {
		var a, b any
		ok := true
		switch h.Type {
		case onnx.Float:
			a, b = h.Floats[i], w.Floats[i]
			ok = near(float64(h.Floats[i]), float64(w.Floats[i]))
		case onnx.Double:
			a, b = h.Doubles[i], w.Doubles[i]
			ok = near(h.Doubles[i], w.Doubles[i])
		case onnx.String:
			a, b = string(h.Strings[i]), string(w.Strings[i])
			ok = a == b
		case onnx.Int64:
			a, b = h.Int64s[i], w.Int64s[i]
			ok = a == b
		case onnx.Int32:
			a, b = h.Int32s[i], w.Int32s[i]
			ok = a == b
		case onnx.UInt32:
			a, b = h.UInt32s[i], w.UInt32s[i]
			ok = a == b
		case onnx.Bool:
			a, b = h.Bools[i], w.Bools[i]
			ok = a == b
		}
		if !ok {
			return fmt.Errorf("row %d, column %d: %v, want %v", i/width, i%width, a, b)
		}
	}
	return nil
}
