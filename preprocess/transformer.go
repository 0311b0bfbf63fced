package preprocess

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"howdah/internal/onnx"
	"howdah/internal/table"
)

// Transformer is fitted preprocessing: it encodes batches, and writes itself into a graph that computes the same bits. It is
// immutable and safe for concurrent use.
type Transformer struct {
	features []*applied
	fields   []table.Field // the raw columns needed
	layout   table.Layout
	pool     sync.Pool // of *applyScratch
}

// applied is a feature ready to be applied.
type applied struct {
	name  string
	src   source
	steps []Fitted
	kinds []stepJSON // slot and kind of each step, for the serial form
	out   ValueType
	dim   int
	dense int // first dense slot, -1 without one
	flag  int // dense slot of the indicator, -1 without one
	code  int // code slot, -1 without one
	width int // dense slots of the values
	col   int // index of its column in fields
}

type applyScratch struct {
	values *Values
	known  []lookup
	cols   []table.Column
}

// Transformer makes the transformer of a state that all waves have fitted. keep names the features that the model uses, in
// any order; nil means those that fitting and selection kept (Kept).
func (p *Plan) Transformer(s *State, keep []string) (*Transformer, error) {
	if s.plan != p.hash {
		return nil, errors.New("preprocessing state of another plan")
	}
	if s.waves < p.waves {
		return nil, fmt.Errorf("preprocessing is fitted by %d of %d waves", s.waves, p.waves)
	}
	kept := p.Kept(s)
	if keep == nil {
		keep = kept
	}
	for _, name := range keep {
		if !slices.Contains(p.Features(), name) {
			return nil, fmt.Errorf("no feature %q", name)
		}
	}
	t := new(Transformer)
	for i, f := range p.features {
		if !slices.Contains(keep, f.name) || s.feats[i].dropped != "" {
			continue
		}
		a := &applied{name: f.name, src: f.src, out: f.out, dim: f.dim}
		for k, fitted := range s.feats[i].steps {
			if _, none := fitted.(*skip); none {
				continue
			}
			a.steps = append(a.steps, fitted)
			a.kinds = append(a.kinds, stepJSON{Slot: f.steps[k].slot, Kind: f.steps[k].kind})
		}
		t.features = append(t.features, a)
	}
	return t, t.arrange()
}

// arrange gives the features their slots.
func (t *Transformer) arrange() error {
	if len(t.features) == 0 {
		return errors.New("no feature is left")
	}
	for _, a := range t.features {
		a.col = slices.IndexFunc(t.fields, func(f table.Field) bool { return f.Name == a.src.field.Name })
		if a.col < 0 {
			a.col = len(t.fields)
			t.fields = append(t.fields, a.src.field)
		}
		a.dense, a.flag, a.code = -1, -1, -1
		size, names := 0, []string(nil)
		if a.out != Numbers {
			s, ok := a.steps[len(a.steps)-1].(sized)
			if !ok {
				return fmt.Errorf("feature %q: its last step gives no codes", a.name)
			}
			if size, names = s.size(); size < 1 {
				return fmt.Errorf("feature %q: has %d codes", a.name, size)
			}
		}
		switch a.out {
		case Numbers:
			a.dense, a.width = len(t.layout.Dense), 1
			t.layout.Dense = append(t.layout.Dense, a.name)
		case Signs:
			a.dense, a.width = len(t.layout.Dense), size
			for i := range size {
				t.layout.Dense = append(t.layout.Dense, fmt.Sprintf("%s[%d]", a.name, i))
			}
		case Codes:
			a.code = len(t.layout.Codes)
			t.layout.Codes = append(t.layout.Codes, table.CodeSlot{Feature: a.name, Size: size, Dim: a.dim, Names: names})
		default:
			return fmt.Errorf("feature %q: ends as %s", a.name, a.out)
		}
		for _, s := range a.steps {
			if _, ok := s.(*indicator); ok {
				a.flag = len(t.layout.Dense)
				t.layout.Dense = append(t.layout.Dense, a.name+"_missing")
			}
		}
	}
	t.pool.New = func() any {
		return &applyScratch{newValues(), make([]lookup, len(t.features)), make([]table.Column, len(t.fields))}
	}
	return nil
}

// Layout says what Apply yields. It has no classes: those are the label's.
func (t *Transformer) Layout() table.Layout { return t.layout }

// Inputs are the raw columns that the transformer reads and its graph takes, in order of first use.
func (t *Transformer) Inputs() []table.Field { return t.fields }

// Columns are the names of Inputs.
func (t *Transformer) Columns() []string { return table.Schema(t.fields).Names() }

// Features lists the features by name.
func (t *Transformer) Features() []string {
	out := make([]string, len(t.features))
	for i, a := range t.features {
		out[i] = a.name
	}
	return out
}

func grow[T any](s []T, n int) []T { return slices.Grow(s[:0], n)[:n] }

// Apply encodes all rows of b: it sets out.Rows, and out.Dense and out.Codes, grown where they are too short. Nothing else of
// out is touched. An integer that a nullable column cannot carry, or a column of another type, is an error.
func (t *Transformer) Apply(b *table.Batch, out *table.Encoded) error {
	d, c := len(t.layout.Dense), len(t.layout.Codes)
	out.Rows, out.Dense, out.Codes = b.Rows, grow(out.Dense, b.Rows*d), grow(out.Codes, b.Rows*c)
	sc := t.pool.Get().(*applyScratch)
	defer t.pool.Put(sc)
	for _, a := range t.features {
		col, err := a.src.find(b)
		if err != nil {
			return err
		}
		sc.cols[a.col] = col
	}
	v := sc.values
	for lo := 0; lo < b.Rows; lo += blockRows {
		n := min(blockRows, b.Rows-lo)
		for i, a := range t.features {
			if err := a.src.load(v, b, sc.cols[a.col], lo, n, &sc.known[i]); err != nil {
				return err
			}
			for _, s := range a.steps {
				s.Apply(v)
			}
			a.write(v, out.Dense[lo*d:], d, out.Codes[lo*c:], c)
		}
	}
	clear(sc.cols) // they are borrowed
	return nil
}

// write puts a block into the rows.
func (a *applied) write(v *Values, dense []float32, d int, codes []int32, c int) {
	switch a.out {
	case Numbers:
		at := a.dense
		for _, x := range v.Num[:v.N] {
			dense[at] = toFloat32(x)
			at += d
		}
	case Codes:
		at := a.code
		for _, k := range v.Code[:v.N] {
			codes[at] = k
			at += c
		}
	case Signs:
		at := a.dense
		for _, k := range v.Code[:v.N] {
			slot := dense[at : at+a.width]
			clear(slot)
			if k >= 0 {
				slot[k] = 1
			} else {
				slot[^k] = -1
			}
			at += d
		}
	}
	if a.flag >= 0 {
		at := a.flag
		for _, m := range v.flag[:v.N] {
			dense[at] = 0
			if m {
				dense[at] = 1
			}
			at += d
		}
	}
}

// largest is the largest dense value that a model is fed. It is far beyond what a scaled feature can be, and so far below
// float32's own largest that sums of features times weights stay finite: no input makes a prediction NaN.
const largest = 1e30

// toFloat32 rounds to nearest even, and saturates.
func toFloat32(x float64) float32 {
	return float32(min(max(x, -largest), largest))
}

// Export writes the transformer into a graph whose inputs are the raw columns. dense is [N, dense slots] of Float, the zero
// Value where there are none; codes has a [N,1] of Int64 for each code slot.
func (t *Transformer) Export(g *onnx.Graph) (dense onnx.Value, codes []onnx.Value, err error) {
	var columns []onnx.Value
	type key struct {
		col  int
		flow ValueType
	}
	loaded := map[key]onnx.Value{}
	for _, f := range t.fields {
		g.Input(f.Name, inputType(f))
	}
	for _, a := range t.features {
		k := key{a.col, a.src.flow}
		if _, ok := loaded[k]; !ok {
			loaded[k] = a.src.export(g).V
		}
		n := &Node{Type: a.src.flow, V: loaded[k]}
		for _, s := range a.steps {
			s.Export(g, n)
		}
		if n.Type != a.out {
			return dense, nil, fmt.Errorf("feature %q: its graph yields %s, its steps %s", a.name, n.Type, a.out)
		}
		if a.out == Codes {
			codes = append(codes, n.V)
		} else {
			columns = append(columns, n.V)
		}
		if a.flag >= 0 {
			columns = append(columns, g.Cast(n.Flag, onnx.Double))
		}
	}
	if len(columns) > 0 {
		all := g.Concat(columns...)
		dense = g.Cast(g.Clip(all, g.Double(-largest), g.Double(largest)), onnx.Float)
	}
	return dense, codes, nil
}

type transformerJSON struct {
	Version  int           `json:"version"`
	Features []appliedJSON `json:"features"`
}

type appliedJSON struct {
	Feature   string      `json:"feature"`
	Column    table.Field `json:"column"`
	Values    ValueType   `json:"values"`
	Steps     []stepJSON  `json:"steps"`
	Output    ValueType   `json:"output"`
	Embedding int         `json:"embedding,omitempty"`
	Dense     []int       `json:"dense,omitempty"` // first dense slot and how many
	Indicator *int        `json:"indicator,omitempty"`
	Code      *int        `json:"code,omitempty"`
}

// MarshalText writes the type's name.
func (t ValueType) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads a type's name.
func (t *ValueType) UnmarshalText(b []byte) error {
	for x := Numbers; x <= Signs; x++ {
		if x.String() == string(b) {
			*t = x
			return nil
		}
	}
	return fmt.Errorf("unknown type of values %q", b)
}

const transformerVersion = 1

// MarshalJSON describes the transformer for people and is its serial form: every number in it is exact.
func (t *Transformer) MarshalJSON() ([]byte, error) {
	j := transformerJSON{Version: transformerVersion}
	for _, a := range t.features {
		aj := appliedJSON{Feature: a.name, Column: a.src.field, Values: a.src.flow, Output: a.out, Embedding: a.dim}
		if a.dense >= 0 {
			aj.Dense = []int{a.dense, a.width}
		}
		if a.flag >= 0 {
			aj.Indicator = &a.flag
		}
		if a.code >= 0 {
			aj.Code = &a.code
		}
		for i, s := range a.steps {
			sj, err := encodeStep(a.kinds[i].Slot, a.kinds[i].Kind, s)
			if err != nil {
				return nil, fmt.Errorf("feature %q: %w", a.name, err)
			}
			aj.Steps = append(aj.Steps, *sj)
		}
		j.Features = append(j.Features, aj)
	}
	return json.Marshal(j)
}

// AppendBinary appends the transformer's JSON.
func (t *Transformer) AppendBinary(b []byte) ([]byte, error) {
	j, err := t.MarshalJSON()
	return append(b, j...), err
}

// LoadTransformer reads what AppendBinary or MarshalJSON wrote.
func LoadTransformer(b []byte) (*Transformer, error) {
	var j transformerJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return nil, fmt.Errorf("fitted preprocessing: %w", err)
	}
	if j.Version != transformerVersion {
		return nil, fmt.Errorf("fitted preprocessing of version %d, want %d", j.Version, transformerVersion)
	}
	t := new(Transformer)
	for _, aj := range j.Features {
		a := &applied{name: aj.Feature, src: source{aj.Column, aj.Values}, out: aj.Output, dim: aj.Embedding}
		for i := range aj.Steps {
			s, err := decodeStep(&aj.Steps[i])
			if err != nil {
				return nil, fmt.Errorf("fitted preprocessing: feature %q: %w", aj.Feature, err)
			}
			a.steps = append(a.steps, s)
			a.kinds = append(a.kinds, stepJSON{Slot: aj.Steps[i].Slot, Kind: aj.Steps[i].Kind})
		}
		if err := a.check(); err != nil {
			return nil, fmt.Errorf("fitted preprocessing: feature %q: %w", aj.Feature, err)
		}
		t.features = append(t.features, a)
	}
	if err := t.arrange(); err != nil {
		return nil, fmt.Errorf("fitted preprocessing: %w", err)
	}
	return t, nil
}

// check follows the types along the chain by exporting it, so that hostile bytes cannot make Apply read memory of the
// wrong type.
func (a *applied) check() error {
	if inputType(a.src.field) == 0 || a.src.field.List {
		return fmt.Errorf("column %q of type %s cannot be a feature", a.src.field.Name, a.src.field.Type)
	}
	isText := a.src.field.Type == table.String || a.src.field.Type == table.Binary
	floats := a.src.field.Type == table.Float32 || a.src.field.Type == table.Float64
	if isText != (a.src.flow == Text) || floats && a.src.flow != Numbers || a.src.flow < Numbers || a.src.flow > Text {
		return fmt.Errorf("column %q of type %s does not flow as %s", a.src.field.Name, a.src.field.Type, a.src.flow)
	}
	g := onnx.New("check")
	n := a.src.export(g)
	holes := true // the values may be NaN
	for i, s := range a.steps {
		if in, ok := s.(interface{ takes(ValueType) bool }); !ok || !in.takes(n.Type) {
			return fmt.Errorf("step %d, %s, does not take %s", i, a.kinds[i].Kind, n.Type)
		}
		s.Export(g, n)
		switch s.(type) {
		case *finite, *number:
			holes = true
		case *fillNumber, *fillAny, *ordinal:
			holes = false
		}
	}
	if n.Type != a.out {
		return fmt.Errorf("its steps yield %s, not %s", n.Type, a.out)
	}
	if n.Type == Numbers && holes {
		return errors.New("nothing stands for a missing number")
	}
	return nil
}
