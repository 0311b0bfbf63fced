package train

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
)

// Several parts of the configuration may be written as one word or as a mapping. UnmarshalJob reads both forms from plain
// values: string, int64, float64, bool, nil, []any, map[string]any. Mistakes are *FieldErrors, joined.

// UnmarshalJob reads a type, or a mapping.
func (m *ModelConfig) UnmarshalJob(v any) error { return typeOrMap(v, &m.Type, m) }

// UnmarshalJob reads a type, or a mapping.
func (l *LossConfig) UnmarshalJob(v any) error { return typeOrMap(v, &l.Type, l) }

// UnmarshalJob reads a type, or a mapping.
func (o *OptimizerConfig) UnmarshalJob(v any) error { return typeOrMap(v, &o.Type, o) }

// UnmarshalJob reads a type, or a mapping.
func (s *ScheduleConfig) UnmarshalJob(v any) error { return typeOrMap(v, &s.Type, s) }

// UnmarshalJob reads the word balanced, or a mapping from class to weight.
func (c *ClassWeights) UnmarshalJob(v any) error {
	*c = ClassWeights{}
	switch v := v.(type) {
	case nil:
		return nil
	case string:
		if v != "balanced" {
			return &FieldError{"", fmt.Sprintf("want balanced, or a mapping from class to weight; have %q", v)}
		}
		c.Balanced = true
		return nil
	case map[string]any:
		c.Weights = map[string]float64{}
		var errs []error
		for _, k := range slices.Sorted(maps.Keys(v)) {
			x, err := number(v[k])
			if err != nil {
				errs = append(errs, &FieldError{k, err.Error()})
			}
			c.Weights[k] = x
		}
		return errors.Join(errs...)
	}
	return &FieldError{"", "want balanced, or a mapping from class to weight; have " + describe(v)}
}

func typeOrMap(v any, typ *string, dst any) error {
	switch v := v.(type) {
	case nil:
		return nil
	case string:
		*typ = v
		return nil
	case map[string]any:
		return errors.Join(decodeStruct("", v, reflect.ValueOf(dst).Elem())...)
	}
	return &FieldError{"", "want a type, or a mapping; have " + describe(v)}
}

func decodeStruct(path string, m map[string]any, dst reflect.Value) (errs []error) {
	t := dst.Type()
	names := make([]string, t.NumField())
	for i := range names {
		names[i] = t.Field(i).Tag.Get("yaml")
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		at := strings.TrimPrefix(path+"."+k, ".")
		if i := slices.Index(names, k); i >= 0 {
			errs = append(errs, decodeValue(at, m[k], dst.Field(i))...)
		} else {
			errs = append(errs, &FieldError{at, "unknown field; known here: " + strings.Join(names, ", ")})
		}
	}
	return errs
}

func decodeValue(path string, v any, dst reflect.Value) []error {
	fail := func(format string, args ...any) []error {
		return []error{&FieldError{path, fmt.Sprintf(format, args...)}}
	}
	if v == nil {
		return nil // nothing after the colon: as if the key were absent
	}
	if u, ok := dst.Addr().Interface().(interface{ UnmarshalJob(any) error }); ok {
		err := u.UnmarshalJob(v)
		if err == nil {
			return nil
		}
		var out []error
		for _, e := range flatten(err) {
			var f *FieldError
			if errors.As(e, &f) {
				e = &FieldError{strings.TrimSuffix(path+"."+f.Path, "."), f.Msg}
			}
			out = append(out, e)
		}
		return out
	}
	switch dst.Kind() {
	case reflect.Pointer:
		p := reflect.New(dst.Type().Elem())
		errs := decodeValue(path, v, p.Elem())
		if errs == nil {
			dst.Set(p)
		}
		return errs
	case reflect.Struct:
		m, ok := v.(map[string]any)
		if !ok {
			return fail("want a mapping, have %s", describe(v))
		}
		return decodeStruct(path, m, dst)
	case reflect.Slice:
		list, ok := v.([]any)
		if !ok {
			return fail("want a list, have %s", describe(v))
		}
		out := reflect.MakeSlice(dst.Type(), len(list), len(list))
		var errs []error
		for i, x := range list {
			errs = append(errs, decodeValue(fmt.Sprintf("%s[%d]", path, i), x, out.Index(i))...)
		}
		dst.Set(out)
		return errs
	case reflect.String:
		s, ok := v.(string)
		if !ok {
			return fail("want a word, have %s", describe(v))
		}
		dst.SetString(s)
	case reflect.Bool:
		b, ok := v.(bool)
		if !ok {
			return fail("want true or false, have %s", describe(v))
		}
		dst.SetBool(b)
	case reflect.Int:
		x, err := number(v)
		if err != nil || x != math.Trunc(x) || math.Abs(x) > 1<<53 {
			return fail("want a whole number, have %s", describe(v))
		}
		dst.SetInt(int64(x))
	case reflect.Float64:
		x, err := number(v)
		if err != nil {
			return fail("%v", err)
		}
		dst.SetFloat(x)
	default:
		return fail("a field of kind %v cannot be read", dst.Kind())
	}
	return nil
}

func number(v any) (float64, error) {
	switch v := v.(type) {
	case float64:
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			return v, nil
		}
	case int64:
		return float64(v), nil
	case int:
		return float64(v), nil
	}
	return 0, errors.New("want a number, have " + describe(v))
}

func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "nothing"
	case string:
		return fmt.Sprintf("%q", v)
	case []any:
		return "a list"
	case map[string]any:
		return "a mapping"
	}
	return fmt.Sprint(v)
}

// flatten lists the errors that were joined.
func flatten(err error) []error {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		return many.Unwrap()
	}
	return []error{err}
}
