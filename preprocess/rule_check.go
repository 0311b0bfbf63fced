package preprocess

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
)

// Validate checks a rule by itself, without the columns that it will be about: kinds, options and names that no column
// could make right. Each mistake names its field. Compile checks the rest.
func (r Rule) Validate() error {
	var errs []error
	wrong := func(path, format string, args ...any) { errs = append(errs, fieldErrorf(path, format, args...)) }
	s := r.Columns
	if len(s.Names) == 0 && s.Type == "" && s.Prefix == "" && s.Regex == "" {
		wrong("columns", "want columns: a name, a list of names, or a mapping with type, prefix or regex")
	}
	if s.Type != "" && !knownType(s.Type) {
		wrong("columns.type", "unknown type %q, want one of number, string, bool, temporal, any, int64, float32, float64, date, time, timestamp", s.Type)
	}
	if s.Regex != "" {
		if _, err := regexp.Compile("^(?:" + s.Regex + ")$"); err != nil {
			wrong("columns.regex", "%v", err)
		}
	}
	for i, p := range r.Parts {
		switch {
		case !knownPart(p):
			wrong(fmt.Sprintf("date_parts[%d]", i), "unknown part %q, want one of %s", p, partNames())
		case slices.Contains(r.Parts[:i], p):
			wrong(fmt.Sprintf("date_parts[%d]", i), "%q is named twice", p)
		}
	}
	switch r.Quantiles {
	case "", "sketch", "exact":
	default:
		wrong("quantiles", "unknown way %q, want sketch or exact", r.Quantiles)
	}
	switch r.Infinite {
	case "", "error", "missing":
	default:
		wrong("infinite", "unknown policy %q, want error or missing", r.Infinite)
	}
	if e := r.Embedding; e != nil && (e.Dim < 1 || e.Dim > 4096) {
		wrong("embedding.dim", "want 1 to 4096, have %d", e.Dim)
	}
	choice := func(slot Slot, path string, c Choice) {
		if !c.IsZero() {
			errs = append(errs, below(path, validateChoice(slot, c))...)
		}
	}
	choice(SlotMissing, "missing", r.Missing)
	choice(SlotClip, "clip", r.Clip)
	choice(SlotEncode, "encode", r.Encode)
	for i, c := range r.Scale {
		path := "scale"
		if len(r.Scale) > 1 {
			path = fmt.Sprintf("scale[%d]", i)
		}
		choice(SlotScale, path, c)
	}
	return errors.Join(errs...)
}

// validateChoice finds an unknown kind or option, and options that suit no type of value.
func validateChoice(slot Slot, c Choice) error {
	var first error
	for _, t := range []ValueType{Numbers, Integers, Text} {
		k, l, err := configure(slot, c) // anew: check may complete the options
		if err != nil {
			return err
		}
		_, err = l.check(t)
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
			if fe, ok := err.(*FieldError); ok && fe.Path == "" {
				first = &FieldError{"", k.Name + " " + fe.Msg}
			} else if c.Kind != "" && string(slot) != k.Name {
				first = joinBelow(k.Name, err)
			}
		}
	}
	return first
}

func knownPart(name string) bool {
	_, ok := partDefs[name]
	return ok
}

func partNames() string {
	out := ""
	for i, d := range DateParts() {
		if i > 0 {
			out += ", "
		}
		out += d.Name
	}
	return out
}
