package preprocess

import (
	"errors"
	"fmt"
	"math"

	"howdah/internal/onnx"
	"howdah/internal/sketch"
)

func init() {
	Register[fillNumber](Doc{SlotMissing, "median",
		"The median of the training rows stands for a missing number. sklearn.impute.SimpleImputer(strategy=\"median\"), from a quantile sketch.", nil, ""}, &Median{})
	Register[fillNumber](Doc{SlotMissing, "mean",
		"The mean of the training rows stands for a missing number. SimpleImputer(strategy=\"mean\").", nil, ""}, &Mean{})
	Register[fillAny](Doc{SlotMissing, "most_frequent",
		"The most frequent value of the training rows stands for a missing one; of equally frequent ones the least. SimpleImputer(strategy=\"most_frequent\").", nil, ""}, &MostFrequent{})
	Register[fillAny](Doc{SlotMissing, "constant",
		"A value of the job's stands for a missing one. SimpleImputer(strategy=\"constant\").", nil, "value"}, &Constant{})
	Register[skip](Doc{SlotMissing, "keep",
		"Nothing stands for a missing value: the encoder gives it a code of its own where training rows miss any, and none otherwise.", nil, ""}, &Keep{})
	Register[fillNumber](Doc{SlotMissing, "drop_row",
		"Rows that miss the value are left out of training and evaluation. Scoring answers for every row: there the median of the training rows stands for a missing number, and a missing category is as with keep.", nil, ""}, &DropRow{})
	Register[indicator](Doc{slotIndicator, "indicator",
		"One more dense slot, 1 where the value was missing, if any training row misses it. SimpleImputer(add_indicator=True).", nil, ""}, &Indicator{})
}

// slotIndicator stands before the missing values are filled. It is not among the documented slots: a rule says indicator: true.
const slotIndicator Slot = "indicator"

// skip changes nothing.
type skip struct{}

func (*skip) Apply(*Values)             {}
func (*skip) Export(*onnx.Graph, *Node) {}
func (*skip) String() string            { return "keep" }
func (*skip) takes(ValueType) bool      { return true }

// Indicator adds a slot where training rows miss values.
type Indicator struct{}

func (*Indicator) Check(in ValueType) (ValueType, error) { return in, nil }
func (*Indicator) Fixed() Fitted                         { return nil }
func (*Indicator) Raw() bool                             { return true }
func (*Indicator) NewSketch(uint64) *None                { return new(None) }
func (*Indicator) Update(*None, *Values)                 {}

// Fit decides whether there is anything to indicate.
func (*Indicator) Fit(_ *None, seen Seen) (Fitted, error) {
	if seen.Missing == 0 {
		return new(skip), nil
	}
	return new(indicator), nil
}

// Keep leaves missing values to the encoder.
type Keep struct{ untaught }

// Check takes everything.
func (*Keep) Check(in ValueType) (ValueType, error) { return in, nil }

// Fixed is a step that does nothing.
func (*Keep) Fixed() Fitted { return new(skip) }

// Mean fills in the mean.
type Mean struct{}

func (*Mean) Check(in ValueType) (ValueType, error) { return wantNumbers(in) }
func (*Mean) Fixed() Fitted                         { return nil }
func (*Mean) Raw() bool                             { return true }
func (*Mean) NewSketch(uint64) *sketch.Moments      { return new(sketch.Moments) }
func (*Mean) Update(s *sketch.Moments, v *Values)   { s.Update(v.Num[:v.N]) }

// Fit takes the mean.
func (*Mean) Fit(s *sketch.Moments, _ Seen) (Fitted, error) {
	if s.Count == 0 {
		return nil, errNoValue
	}
	return &fillNumber{s.Mean}, nil
}

var errNoValue = errors.New("no training row has a value")

// Median fills in the median.
type Median struct {
	quantiles `json:"quantiles"`
}

func (*Median) shares() []float64 { return []float64{0.5} }

// Fit takes the median.
func (*Median) Fit(s *Quantiles, _ Seen) (Fitted, error) {
	m, err := s.at(0.5)
	if err != nil {
		return nil, err
	}
	return &fillNumber{m[0]}, nil
}

// DropRow has rows dropped before any step sees them; its own work is for scoring alone.
type DropRow struct {
	quantiles `json:"quantiles"`
	other     bool // not numbers
}

// Check takes everything; only numbers need something to stand for them.
func (d *DropRow) Check(in ValueType) (ValueType, error) {
	d.other = in != Numbers
	return in, nil
}

// Fixed is nothing for categories.
func (d *DropRow) Fixed() Fitted {
	if d.other {
		return new(skip)
	}
	return nil
}

func (*DropRow) shares() []float64 { return []float64{0.5} }

// Fit takes the median.
func (d *DropRow) Fit(s *Quantiles, seen Seen) (Fitted, error) { return new(Median).Fit(s, seen) }

// fillNumber puts a number where one is missing.
type fillNumber struct {
	Value float64 `json:"value"`
}

func (f *fillNumber) Apply(v *Values) {
	for i, x := range v.Num[:v.N] {
		if x != x {
			v.Num[i] = f.Value
		}
	}
}

func (f *fillNumber) Export(g *onnx.Graph, n *Node) {
	n.V = g.Where(g.IsNaN(n.V), g.Double(f.Value), n.V)
}

func (f *fillNumber) takes(t ValueType) bool { return t == Numbers }
func (f *fillNumber) String() string         { return fmt.Sprintf("missing is %.6g", f.Value) }

// MostFrequent fills in the value seen most often.
type MostFrequent struct{ categorical }

// Check takes everything.
func (*MostFrequent) Check(in ValueType) (ValueType, error) { return in, nil }

// NewSketch counts the values.
func (*MostFrequent) NewSketch(uint64) *Categories { return newCategories(maxOneHot) }

// SketchOptions tells counts of another limit apart.
func (*MostFrequent) SketchOptions() string { return fmt.Sprint(maxOneHot) }

// Fit takes the most frequent value.
func (*MostFrequent) Fit(s *Categories, seen Seen) (Fitted, error) {
	if s.exceeded() {
		return nil, fmt.Errorf("more than %d different values, so that the most frequent says little; use missing: median, or a constant", maxOneHot)
	}
	f := &fillAny{Of: seen.at}
	switch seen.at {
	case Text:
		if top := s.text.MostFrequent(1); len(top) > 0 {
			f.Text = top[0].Key
			return f, nil
		}
	case Integers:
		if top := s.ints.MostFrequent(1); len(top) > 0 {
			f.Int = top[0].Key
			return f, nil
		}
	case Numbers:
		if top := s.nums.MostFrequent(1); len(top) > 0 {
			f.Number = top[0].Key
			return f, nil
		}
	}
	return nil, errNoValue
}

// Constant fills in a value of the job's.
type Constant struct {
	untaught `json:"-"`
	Value    any `yaml:"value" json:"value" doc:"the value, of the column's type"`
	of       ValueType
}

// Check wants a value of the right type.
func (c *Constant) Check(in ValueType) (ValueType, error) {
	c.of = in
	switch x := c.Value.(type) {
	case nil:
		return 0, fieldErrorf("value", "missing: the value to fill in")
	case string:
		if in == Text {
			if x == "" {
				return 0, fieldErrorf("value", "the empty text is missing itself; use missing: keep")
			}
			return in, nil
		}
	case bool:
		if in == Numbers || in == Integers {
			return in, nil
		}
	case int64, int:
		if in != Text {
			return in, nil
		}
	case float64:
		if in == Numbers && x-x == 0 || in == Integers && x == math.Trunc(x) && math.Abs(x) < maxExact {
			return in, nil
		}
	}
	if in == Text {
		return 0, fieldErrorf("value", "want text (in quotes where it looks like a number), have %v", c.Value)
	}
	return 0, fieldErrorf("value", "want one of %s, have %v", in, c.Value)
}

// Fixed returns the step.
func (c *Constant) Fixed() Fitted {
	f := &fillAny{Of: c.of}
	var x float64
	switch v := c.Value.(type) {
	case string:
		f.Text = utf8Text([]byte(v))
		return f
	case bool:
		if v {
			x = 1
		}
	case int:
		x, f.Int = float64(v), int64(v)
	case int64:
		x, f.Int = float64(v), v
	case float64:
		x = v
	}
	switch {
	case c.of == Numbers:
		f.Number, f.Int = x, 0
	case f.Int == 0:
		f.Int = int64(x)
	}
	return f
}

// fillAny puts a number, an integer or a text where one is missing.
type fillAny struct {
	Of     ValueType `json:"of"`
	Number float64   `json:"number,omitempty"`
	Int    int64     `json:"int,omitempty"`
	Text   string    `json:"text,omitempty"`
}

func (f *fillAny) Apply(v *Values) {
	switch v.Type {
	case Numbers:
		for i, x := range v.Num[:v.N] {
			if x != x {
				v.Num[i] = f.Number
			}
		}
	case Integers:
		for i, x := range v.Int[:v.N] {
			if x == NoInt {
				v.Int[i] = f.Int
			}
		}
	case Text:
		v.text.fill = f.Text
	}
}

func (f *fillAny) Export(g *onnx.Graph, n *Node) {
	switch n.Type {
	case Numbers:
		n.V = g.Where(g.IsNaN(n.V), g.Double(f.Number), n.V)
	case Integers:
		n.V = g.Where(g.Equal(n.V, g.Int64(NoInt)), g.Int64(f.Int), n.V)
	case Text:
		n.fill = f.Text
	}
}

func (f *fillAny) takes(t ValueType) bool { return t == f.Of && t >= Numbers && t <= Text }

// fills tells the encoder what missing rows are.
func (f *fillAny) fills() *Fill {
	if f.Of == Numbers {
		return nil
	}
	return &Fill{f.Text, f.Int}
}

func (f *fillAny) String() string {
	switch f.Of {
	case Text:
		return fmt.Sprintf("missing is %q", f.Text)
	case Integers:
		return fmt.Sprintf("missing is %d", f.Int)
	}
	return fmt.Sprintf("missing is %.6g", f.Number)
}
