package preprocess

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"sort"
	"strings"
)

// OptionDoc documents one option of a kind.
type OptionDoc struct {
	Name    string `json:"name"`
	Type    string `json:"type"` // number, integer, boolean, text, list
	Default string `json:"default,omitempty"`
	Doc     string `json:"doc"`
}

// decodeOptions fills the fields of the struct that into points to, by their yaml tags, from a mapping as written in a job
// file. What the struct holds before are the defaults. All mistakes are returned.
func decodeOptions(m map[string]any, into any) error {
	v := reflect.ValueOf(into).Elem()
	fields := map[string]reflect.Value{}
	var known []string
	for i := range v.NumField() {
		if name := v.Type().Field(i).Tag.Get("yaml"); name != "" && name != "-" {
			fields[name] = v.Field(i)
			known = append(known, name)
		}
	}
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	var errs []error
	for _, k := range keys {
		f, ok := fields[k]
		if !ok {
			if len(known) == 0 {
				errs = append(errs, fieldErrorf(k, "unknown option; there are none"))
			} else {
				errs = append(errs, fieldErrorf(k, "unknown option; known here: %s", strings.Join(known, ", ")))
			}
			continue
		}
		if err := decodeOption(k, m[k], f); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func decodeOption(path string, x any, f reflect.Value) error {
	if x == nil {
		return nil
	}
	switch f.Kind() {
	case reflect.Pointer:
		p := reflect.New(f.Type().Elem())
		if err := decodeOption(path, x, p.Elem()); err != nil {
			return err
		}
		f.Set(p)
		return nil
	case reflect.String:
		if s, ok := x.(string); ok {
			f.SetString(s)
			return nil
		}
		return fieldErrorf(path, "want text, have %v", x)
	case reflect.Bool:
		if b, ok := x.(bool); ok {
			f.SetBool(b)
			return nil
		}
		return fieldErrorf(path, "want true or false, have %v", x)
	case reflect.Int, reflect.Int64:
		if n, ok := x.(int64); ok {
			f.SetInt(n)
			return nil
		}
		if n, ok := x.(int); ok {
			f.SetInt(int64(n))
			return nil
		}
		if n, ok := x.(float64); ok && n == math.Trunc(n) && math.Abs(n) < 1<<53 {
			f.SetInt(int64(n))
			return nil
		}
		return fieldErrorf(path, "want a whole number, have %v", x)
	case reflect.Float64:
		switch n := x.(type) {
		case int:
			f.SetFloat(float64(n))
			return nil
		case int64:
			f.SetFloat(float64(n))
			return nil
		case float64:
			if !math.IsNaN(n) && !math.IsInf(n, 0) {
				f.SetFloat(n)
				return nil
			}
		}
		return fieldErrorf(path, "want a finite number, have %v", x)
	case reflect.Interface:
		f.Set(reflect.ValueOf(x))
		return nil
	case reflect.Slice:
		list, ok := x.([]any)
		if !ok {
			return fieldErrorf(path, "want a list, have %v", x)
		}
		if f.Type().Elem().Kind() == reflect.String {
			names, err := nameList(path, list)
			if err == nil {
				f.Set(reflect.ValueOf(names))
			}
			return err
		}
		out := reflect.MakeSlice(f.Type(), len(list), len(list))
		for i, e := range list {
			if err := decodeOption(fmt.Sprintf("%s[%d]", path, i), e, out.Index(i)); err != nil {
				return err
			}
		}
		f.Set(out)
		return nil
	}
	return fieldErrorf(path, "cannot be set")
}

// optionDocs lists the options of a kind from the tags of its struct, whose values are the defaults.
func optionDocs(defaults any) []OptionDoc {
	v := reflect.ValueOf(defaults).Elem()
	var out []OptionDoc
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name := f.Tag.Get("yaml")
		if name == "" || name == "-" {
			continue
		}
		d := OptionDoc{Name: name, Doc: f.Tag.Get("doc")}
		t := f.Type
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		switch t.Kind() {
		case reflect.String:
			d.Type = "text"
		case reflect.Bool:
			d.Type = "boolean"
		case reflect.Int, reflect.Int64:
			d.Type = "integer"
		case reflect.Float64:
			d.Type = "number"
		case reflect.Slice:
			d.Type = "list"
		default:
			d.Type = "value"
		}
		if f.Type.Kind() != reflect.Pointer && !v.Field(i).IsZero() {
			d.Default = fmt.Sprint(v.Field(i).Interface())
		}
		out = append(out, d)
	}
	return out
}
