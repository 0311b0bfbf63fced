package preprocess

// The label: what kind of quantity it is, which classes it has, and its numbers for training. This file is the
// configuration and the fit; target_part.go the sketch of a label, target_keys.go the numbering of values.

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"

	"howdah/internal/table"
)

// Target is the label of a job file. Its values are a column, or an expression already evaluated to one.
type Target struct {
	Column string `yaml:"column" json:"column" doc:"the label's name"`
	// Type is regression, binary or multiclass; "" infers it: two truth values or two distinct values are binary, a few
	// distinct texts or whole numbers (at most 20) multiclass, other numbers regression.
	Type string `yaml:"type" json:"type,omitempty" doc:"regression, binary or multiclass (default: by the values)"`
	// Positive is the value of a binary label that counts as 1; "" is the greater one (true, 1, the last text).
	Positive string `yaml:"positive" json:"positive,omitempty" doc:"binary: the value that counts as positive"`
	// ClassWeights is balanced, or "" for none; Explicit overrides it by class.
	ClassWeights ClassWeights `yaml:"class_weights" json:"class_weights,omitzero" doc:"balanced, or a weight for each class"`
}

// inferredClasses is how many distinct numbers or texts make a label multiclass unasked.
const inferredClasses = 20

// ClassWeights are the weights that rows get by their class: none (zero value), balanced (n / (classes * rows of the
// class), sklearn's compute_class_weight), or one for each class.
type ClassWeights struct {
	Balanced bool          `json:"balanced,omitempty"`
	Classes  []ClassWeight `json:"classes,omitempty"` // in the order of their names
}

// ClassWeight is the weight of one class.
type ClassWeight struct {
	Class  string  `json:"class"`
	Weight float64 `json:"weight"`
}

// UnmarshalJob reads "balanced", or a mapping from classes to weights.
func (w *ClassWeights) UnmarshalJob(x any) error {
	switch x := x.(type) {
	case string:
		if x != "balanced" {
			return fmt.Errorf("want balanced or a weight for each class, have %q", x)
		}
		*w = ClassWeights{Balanced: true}
		return nil
	case map[string]any:
		var out ClassWeights
		var errs []error
		for k, v := range x {
			switch v := v.(type) {
			case int64:
				out.Classes = append(out.Classes, ClassWeight{k, float64(v)})
			case float64:
				out.Classes = append(out.Classes, ClassWeight{k, v})
			default:
				errs = append(errs, fieldErrorf(k, "want a number"))
			}
		}
		sort.Slice(errs, func(i, j int) bool { return errs[i].Error() < errs[j].Error() })
		sort.Slice(out.Classes, func(i, j int) bool { return out.Classes[i].Class < out.Classes[j].Class })
		*w = out
		return errors.Join(errs...)
	}
	return errors.New("want balanced or a weight for each class")
}

// Validate checks the configuration by itself; each mistake names its field.
func (t Target) Validate() error {
	var errs []error
	switch t.Type {
	case "", "regression", "binary", "multiclass":
	default:
		errs = append(errs, fieldErrorf("type", "unknown type %q, want regression, binary or multiclass", t.Type))
	}
	if t.Positive != "" && t.Type != "" && t.Type != "binary" {
		errs = append(errs, fieldErrorf("positive", "type %s does not take it", t.Type))
	}
	weighted := t.ClassWeights.Balanced || len(t.ClassWeights.Classes) > 0
	if weighted && t.Type == "regression" {
		errs = append(errs, fieldErrorf("class_weights", "a regression has no classes"))
	}
	for _, c := range t.ClassWeights.Classes {
		if !(c.Weight >= 0 && c.Weight <= math.MaxFloat32) {
			errs = append(errs, fieldErrorf("class_weights."+c.Class, "want a number from 0, have %v", c.Weight))
		}
	}
	return errors.Join(errs...)
}

// Fit decides the label's type and classes from what p has seen. p is of the rows of all sides, so that every class has
// its number; priors and balanced weights come from FittedTarget.Baseline, of the training rows alone.
func (t Target) Fit(p *TargetPart) (*FittedTarget, error) {
	if err := t.Validate(); err != nil {
		return nil, err
	}
	name := t.Column
	if p.nulls > 0 {
		return nil, fmt.Errorf("label %q has no value in %d of %d rows, first in %s; leave them out (data.where: \"%s != nil\")",
			name, p.nulls, p.rows(), p.firstNull, name)
	}
	if p.infinite > 0 {
		return nil, fmt.Errorf("label %q is infinite in %d of %d rows, first in %s; leave them out by data.where",
			name, p.infinite, p.rows(), p.firstInfinite)
	}
	if p.rows() == 0 {
		return nil, fmt.Errorf("label %q: there are no rows", name)
	}
	f := &FittedTarget{cfg: t, kind: p.kind}
	want := t.Type
	numbers := p.kind == targetInts || p.kind == targetFloats
	if want == "" {
		want = p.infer()
		if t.Positive != "" && want == "multiclass" {
			return nil, fmt.Errorf("label %q: positive is for a binary label; this one has %s", name, p.describe())
		}
	}
	if want == "regression" {
		if !numbers && p.kind != targetBools {
			return nil, fmt.Errorf("label %q is text, want numbers for a regression", name)
		}
		if p.kind != targetBools && p.min == p.max {
			return nil, fmt.Errorf("label %q is %v in every row: there is nothing to learn", name, p.min)
		}
		f.typ = Regression
		f.prepare()
		return f, nil
	}
	if p.overflow {
		return nil, fmt.Errorf("label %q has more than %d distinct values, too many for classes; type: regression trains on the number",
			name, maxClasses)
	}
	keys := p.sortedKeys()
	switch {
	case len(keys) == 1:
		return nil, fmt.Errorf("label %q has only one class, %q, in %d rows: there is nothing to learn", name, keys[0], p.rows())
	case want == "binary" && len(keys) > 2:
		return nil, fmt.Errorf("label %q has %s, want 2 for type binary", name, p.describe())
	}
	f.typ = Multiclass
	if want == "binary" {
		f.typ = Binary
		switch t.Positive {
		case "", keys[1]:
		case keys[0]:
			keys[0], keys[1] = keys[1], keys[0]
		default:
			return nil, fmt.Errorf("label %q has the classes %q; positive names neither, but %q", name, keys, t.Positive)
		}
	}
	f.classes = keys
	for _, c := range t.ClassWeights.Classes {
		if !slices.Contains(keys, c.Class) {
			return nil, fmt.Errorf("label %q: class_weights name the class %q; there are %q", name, c.Class, keys)
		}
	}
	if n := len(t.ClassWeights.Classes); n > 0 && n < len(keys) {
		for _, k := range keys {
			if !slices.ContainsFunc(t.ClassWeights.Classes, func(c ClassWeight) bool { return c.Class == k }) {
				return nil, fmt.Errorf("label %q: class_weights lack the class %q", name, k)
			}
		}
	}
	f.prepare()
	return f, nil
}

// FittedTarget turns a label's column into numbers. It is immutable and safe for concurrent use.
type FittedTarget struct {
	cfg     Target
	typ     TargetType
	kind    targetKind
	classes []string
	index   keyIndex
}

func (f *FittedTarget) prepare() {
	f.index = keyIndex{limit: maxClasses}
	for _, c := range f.classes {
		f.index.code([]byte(c))
	}
	f.index.limit = 0
}

// Type is the label's type.
func (f *FittedTarget) Type() TargetType { return f.typ }

// Classes are the classes by code: false and true, numbers ascending, texts by their bytes; of a binary label
// Classes()[1] is the positive one. nil for a regression.
func (f *FittedTarget) Classes() []string { return f.classes }

// Apply writes each row's label: 0 or 1, the class's code, or the quantity. at says where the rows are, for errors: a
// missing or infinite label, or a class that the fit has not seen.
func (f *FittedTarget) Apply(at table.Origin, c table.Column, dst []float32) error {
	if c == nil || c.Len() != len(dst) {
		return fmt.Errorf("%s: label %q: want a column of %d rows", at.Shard, f.cfg.Column, len(dst))
	}
	if f.typ == Regression {
		return f.applyNumbers(at, c, dst)
	}
	codes := make([]int32, len(dst))
	if _, err := f.index.codes(c, codes); err != nil {
		return fmt.Errorf("%s: label %q %w", at.Shard, f.cfg.Column, err)
	}
	for i, code := range codes {
		if code < 0 {
			return fmt.Errorf("%s: row %d: label %q is %s, which is none of its %d classes", at.Shard, at.RowNumber(i), f.cfg.Column,
				valueText(c, i), len(f.classes))
		}
		dst[i] = float32(code)
	}
	return nil
}

func (f *FittedTarget) applyNumbers(at table.Origin, c table.Column, dst []float32) error {
	var valid table.Bitmap
	switch c := c.(type) {
	case *table.Bools:
		valid = c.Valid
		for i, v := range c.Values {
			dst[i] = 0
			if v {
				dst[i] = 1
			}
		}
	case *table.Int64s:
		valid = c.Valid
		for i, v := range c.Values {
			dst[i] = float32(v)
		}
	case *table.Float64s:
		valid = c.Valid
		for i, v := range c.Values {
			dst[i] = float32(v)
		}
	case *table.Float32s:
		valid = c.Valid
		copy(dst, c.Values)
	default:
		return fmt.Errorf("%s: label %q: want numbers, have %T", at.Shard, f.cfg.Column, c)
	}
	for i, v := range dst {
		if !valid.Get(i) || math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return fmt.Errorf("%s: row %d: label %q is %s, want a finite number within float32", at.Shard, at.RowNumber(i), f.cfg.Column, valueText(c, i))
		}
	}
	return nil
}

// Baseline is what the trivial model knows: the mean of a quantity, or the share of each class.
type Baseline struct {
	Rows   int64     `json:"rows"`
	Mean   float64   `json:"mean"`             // of a quantity; of a binary label the share of class 1
	Priors []float64 `json:"priors,omitempty"` // by class
	// Weights are the class weights by class; nil where every class weighs 1.
	Weights []float64 `json:"weights,omitempty"`
}

// Baseline computes priors, mean and class weights from the label of the training rows. A class without training rows has
// prior 0 and, where weights are balanced, weight 0. It is an error if the training rows have one class only.
func (f *FittedTarget) Baseline(train *TargetPart) (Baseline, error) {
	b := Baseline{Rows: train.rows()}
	if b.Rows == 0 {
		return b, fmt.Errorf("label %q: there are no training rows", f.cfg.Column)
	}
	if f.typ == Regression {
		b.Mean = train.mean
		return b, nil
	}
	b.Priors = make([]float64, len(f.classes))
	seen := 0
	for i, c := range f.classes {
		n := train.counts[c]
		b.Priors[i] = float64(n) / float64(b.Rows)
		if n > 0 {
			seen++
		}
	}
	if seen == 1 {
		for i, p := range b.Priors {
			if p > 0 {
				return b, fmt.Errorf("label %q: the training rows have only one class, %q: there is nothing to learn; check the split",
					f.cfg.Column, f.classes[i])
			}
		}
	}
	if f.typ == Binary {
		b.Mean = b.Priors[1]
	}
	switch w := f.cfg.ClassWeights; {
	case w.Balanced:
		b.Weights = make([]float64, len(f.classes))
		for i, p := range b.Priors {
			if p > 0 {
				b.Weights[i] = 1 / (float64(seen) * p)
			}
		}
	case len(w.Classes) > 0:
		b.Weights = make([]float64, len(f.classes))
		for i, c := range f.classes {
			for _, x := range w.Classes {
				if x.Class == c {
					b.Weights[i] = x.Weight
				}
			}
		}
	}
	return b, nil
}

// Weights writes each row's weight: that of its column (nil: 1) times that of its class (weights as in Baseline, nil: 1;
// labels as Apply wrote them). A weight that is missing, negative or not finite is an error.
func Weights(at table.Origin, name string, c table.Column, weights []float64, labels []float32, dst []float32) error {
	for i := range dst {
		dst[i] = 1
	}
	if c != nil {
		if c.Len() != len(dst) {
			return fmt.Errorf("%s: weight column %q has %d rows, want %d", at.Shard, name, c.Len(), len(dst))
		}
		switch c := c.(type) {
		case *table.Int64s:
			for i, v := range c.Values {
				dst[i] = float32(v)
			}
		case *table.Float64s:
			for i, v := range c.Values {
				dst[i] = float32(v)
			}
		case *table.Float32s:
			copy(dst, c.Values)
		default:
			return fmt.Errorf("%s: weight column %q: want numbers, have %T", at.Shard, name, c)
		}
		for i, v := range dst {
			if c.IsNull(i) || !(v >= 0 && v <= math.MaxFloat32) {
				return fmt.Errorf("%s: row %d: weight column %q is %s, want a finite number from 0", at.Shard, at.RowNumber(i), name, valueText(c, i))
			}
		}
	}
	if weights != nil {
		for i, l := range labels {
			if dst[i] *= float32(weights[int(l)]); dst[i] > math.MaxFloat32 {
				return fmt.Errorf("%s: row %d: weight column %q times the weight of the row's class is beyond float32", at.Shard, at.RowNumber(i), name)
			}
		}
	}
	return nil
}

// fittedTargetState is a FittedTarget as it is stored.
type fittedTargetState struct {
	Config  Target     `json:"config"`
	Type    TargetType `json:"type"`
	Kind    targetKind `json:"kind"`
	Classes []string   `json:"classes,omitempty"`
}

// AppendBinary appends the fitted label as JSON: it is small, and part of a run's record. Classes that are not UTF-8 are
// quoted as Go does.
func (f *FittedTarget) AppendBinary(b []byte) ([]byte, error) {
	s := fittedTargetState{f.cfg, f.typ, f.kind, make([]string, len(f.classes))}
	for i, c := range f.classes {
		s.Classes[i] = strconv.QuoteToASCII(c)
	}
	j, err := json.Marshal(s)
	return append(b, j...), err
}

// UnmarshalBinary reads what AppendBinary wrote.
func (f *FittedTarget) UnmarshalBinary(b []byte) error {
	var s fittedTargetState
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("label: damaged state: %w", err)
	}
	out := FittedTarget{cfg: s.Config, typ: s.Type, kind: s.Kind}
	seen := map[string]bool{}
	for _, q := range s.Classes {
		c, err := strconv.Unquote(q)
		if err != nil || c == "" || seen[c] {
			return fmt.Errorf("label: damaged state: class %s", q)
		}
		seen[c] = true
		out.classes = append(out.classes, c)
	}
	if n := len(out.classes); (s.Type == Regression) != (n == 0) || s.Type == Binary && n != 2 || n == 1 || n > maxClasses {
		return fmt.Errorf("label: damaged state: %d classes", n)
	}
	out.prepare()
	*f = out
	return nil
}
