package preprocess

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strings"

	"howdah/internal/onnx"
	"howdah/internal/sketch"
)

// Learner is a step as the job describes it: options, no state. S is the sketch it fills on the mapper.
type Learner[S any] interface {
	// Check returns the type the step yields for values of type in, or a FieldError that says why it cannot take them. It
	// may complete the options from what it is told.
	Check(in ValueType) (ValueType, error)
	// Fixed returns the fitted step where the options alone determine it, and nil where data must be seen.
	Fixed() Fitted
	// Raw reports whether the step learns from the column's values as read (the first wave), and not from what the steps
	// before it yield. Missing values are in both.
	Raw() bool
	// NewSketch returns an empty sketch; what is random in it derives from seed.
	NewSketch(seed uint64) S
	// Update adds a block of values to the sketch.
	Update(s S, v *Values)
	// Fit turns the merged sketch into a step that can be applied.
	Fit(s S, seen Seen) (Fitted, error)
}

// Fitted is a step that can be applied. It is immutable, safe for concurrent use, and its JSON is its serial form.
type Fitted interface {
	// Apply rewrites a block of values.
	Apply(v *Values)
	// Export writes the same arithmetic as nodes.
	Export(g *onnx.Graph, n *Node)
	// String says in a few words what is done, for reports.
	String() string
}

// Seen is what is known of a feature when a step is fitted.
type Seen struct {
	Column   string
	Rows     int64 // training rows
	Missing  int64 // of them without a value
	Infinite int64
	fill     *Fill     // what stands for missing values; nil where they stay missing
	before   []Fitted  // the steps before this one
	at       ValueType // type of the values as read
}

// Fill is what stands for a missing category.
type Fill struct {
	Text string
	Int  int64
}

// Through applies the steps before this one to a single number.
func (s Seen) Through(x float64) float64 {
	v := Values{Type: s.at, N: 1, Num: []float64{x}, Int: make([]int64, 1), flag: make([]bool, 1), Code: make([]int32, 1)}
	for _, f := range s.before {
		f.Apply(&v)
	}
	return v.Num[0]
}

// Slot is where in a feature's chain a kind of step stands.
type Slot string

// The slots, in the order in which they are applied.
const (
	SlotParts   Slot = "date_parts"
	SlotMissing Slot = "missing"
	SlotClip    Slot = "clip"
	SlotEncode  Slot = "encode"
	SlotScale   Slot = "scale"
)

// Doc documents a kind.
type Doc struct {
	Slot    Slot        `json:"slot"`
	Name    string      `json:"name"`
	Doc     string      `json:"doc"`
	Options []OptionDoc `json:"options,omitempty"`
	Short   string      `json:"short,omitempty"` // the option that may be given alone: {constant: 0}
}

// kind is a registered kind of step, its sketch's type hidden.
type kind struct {
	Doc
	fresh   func() learner
	restore func() Fitted
}

// learner is a Learner whose sketch's type is hidden.
type learner interface {
	options() any // pointer to the struct that the options are decoded into
	check(ValueType) (ValueType, error)
	fixed() Fitted
	raw() bool
	newSketch(seed uint64) any
	multi() multipass        // nil for one that takes one pass
	resume(known *ranks) any // the sketch of a later pass
	sketchKey() string       // learners of one feature and wave whose keys are equal share a sketch
	update(s any, v *Values)
	merge(a, b any) error
	appendSketch(b []byte, s any) ([]byte, error)
	readSketch(seed uint64, b []byte) (any, error)
	fit(s any, seen Seen) (Fitted, error)
}

type hidden[S sketch.Sketch[S]] struct{ l Learner[S] }

func (h hidden[S]) options() any                          { return h.l }
func (h hidden[S]) check(in ValueType) (ValueType, error) { return h.l.Check(in) }
func (h hidden[S]) fixed() Fitted                         { return h.l.Fixed() }
func (h hidden[S]) raw() bool                             { return h.l.Raw() }
func (h hidden[S]) newSketch(seed uint64) any             { return h.l.NewSketch(seed) }
func (h hidden[S]) update(s any, v *Values)               { h.l.Update(s.(S), v) }
func (h hidden[S]) merge(a, b any) error                  { return a.(S).Merge(b.(S)) }
func (h hidden[S]) fit(s any, seen Seen) (Fitted, error)  { return h.l.Fit(s.(S), seen) }
func (h hidden[S]) multi() multipass {
	if m, ok := h.l.(multipass); ok && m.passes() > 1 {
		return m
	}
	return nil
}
func (h hidden[S]) resume(known *ranks) any { return &Quantiles{exact: newRanks(known)} }
func (h hidden[S]) sketchKey() string {
	var s S
	key := fmt.Sprintf("%T raw=%t", s, h.l.Raw())
	if o, ok := h.l.(interface{ SketchOptions() string }); ok {
		key += " " + o.SketchOptions()
	}
	if m := h.multi(); m != nil {
		key += fmt.Sprint(" exact ", m.shares())
	}
	return key
}
func (h hidden[S]) appendSketch(b []byte, s any) ([]byte, error) { return s.(S).AppendBinary(b) }
func (h hidden[S]) readSketch(seed uint64, b []byte) (any, error) {
	s := h.l.NewSketch(seed)
	return s, s.UnmarshalBinary(b)
}

var kinds []*kind

// Register adds a kind of step: F is the struct of its fitted form, and defaults points to the struct of its options as they are
// before the job's are read. The name is a contract: job files and fitted models carry it. Another kind is one more file
// with a call of Register in its init.
func Register[F any, PF interface {
	*F
	Fitted
}, S sketch.Sketch[S]](d Doc, defaults Learner[S]) {
	d.Options = optionDocs(defaults)
	if findKind(d.Slot, d.Name) != nil {
		panic(fmt.Sprintf("preprocess: %s %s is registered twice", d.Slot, d.Name))
	}
	kinds = append(kinds, &kind{
		Doc: d,
		fresh: func() learner {
			l := reflect.New(reflect.TypeOf(defaults).Elem())
			l.Elem().Set(reflect.ValueOf(defaults).Elem())
			return hidden[S]{l.Interface().(Learner[S])}
		},
		restore: func() Fitted { return PF(new(F)) },
	})
}

// slotOrder is the order of documentation and of application.
var slotOrder = []Slot{SlotParts, SlotMissing, SlotClip, SlotEncode, SlotScale}

// Kinds documents every registered kind, by slot and name.
func Kinds() []Doc {
	var out []Doc
	for _, k := range kinds {
		if slices.Contains(slotOrder, k.Slot) {
			out = append(out, k.Doc)
		}
	}
	sort.Slice(out, func(i, j int) bool {
		a, b := slices.Index(slotOrder, out[i].Slot), slices.Index(slotOrder, out[j].Slot)
		if a != b {
			return a < b
		}
		return out[i].Name < out[j].Name
	})
	return out
}

func findKind(slot Slot, name string) *kind {
	for _, k := range kinds {
		if k.Slot == slot && k.Name == name {
			return k
		}
	}
	return nil
}

func kindNames(slot Slot) string {
	var names []string
	for _, k := range kinds {
		if k.Slot == slot {
			names = append(names, k.Name)
		}
	}
	sort.Strings(names)
	return strings.Join(names, ", ")
}

// configure makes a learner of the chosen kind; mistakes are FieldErrors below the choice.
func configure(slot Slot, c Choice) (*kind, learner, error) {
	if slot == SlotClip { // its one kind takes the options without a name
		k := findKind(slot, string(slot))
		l := k.fresh()
		m, err := wholeMap(c)
		if err != nil {
			return nil, nil, err
		}
		return k, l, decodeOptions(m, l.options())
	}
	if c.Kind == "" {
		return nil, nil, fieldErrorf("", "want one of %s, or a mapping of one of them to its options", kindNames(slot))
	}
	k := findKind(slot, c.Kind)
	if k == nil {
		return nil, nil, fieldErrorf("", "unknown kind %q, want one of %s", c.Kind, kindNames(slot))
	}
	l := k.fresh()
	m, ok := c.Options.(map[string]any)
	switch {
	case c.Options == nil:
	case ok:
	case k.Short != "":
		m = map[string]any{k.Short: c.Options}
		if err := decodeOptions(m, l.options()); err != nil {
			return nil, nil, fieldErrorf(k.Name, "%s", below("", err)[0].(*FieldError).Msg)
		}
		return k, l, nil
	default:
		return nil, nil, fieldErrorf(k.Name, "want a mapping of options, have %v", c.Options)
	}
	if err := decodeOptions(m, l.options()); err != nil {
		return nil, nil, joinBelow(k.Name, err)
	}
	return k, l, nil
}

func wholeMap(c Choice) (map[string]any, error) {
	if c.Kind != "" {
		if c.Options == nil {
			return nil, fieldErrorf("", "want a mapping of options, have %q", c.Kind)
		}
		return map[string]any{c.Kind: c.Options}, nil
	}
	m, ok := c.Options.(map[string]any)
	if !ok {
		return nil, fieldErrorf("", "want a mapping of options, have %v", c.Options)
	}
	return m, nil
}

// stepJSON is the serial form of a fitted step.
type stepJSON struct {
	Slot Slot            `json:"slot,omitempty"`
	Kind string          `json:"kind"`
	Fit  json.RawMessage `json:"fit,omitempty"`
}

// None is the sketch of a step that learns nothing.
type None struct{}

// Merge does nothing.
func (*None) Merge(*None) error { return nil }

// AppendBinary appends nothing.
func (*None) AppendBinary(b []byte) ([]byte, error) { return b, nil }

// UnmarshalBinary accepts no bytes.
func (*None) UnmarshalBinary(b []byte) error {
	if len(b) > 0 {
		return fmt.Errorf("a step that learns nothing has %d bytes", len(b))
	}
	return nil
}

// untaught is embedded by the learners whose options determine the fitted step.
type untaught struct{}

func (untaught) Raw() bool                       { return true }
func (untaught) NewSketch(uint64) *None          { return new(None) }
func (untaught) Update(*None, *Values)           {}
func (untaught) Fit(*None, Seen) (Fitted, error) { return nil, fmt.Errorf("nothing to fit") }
