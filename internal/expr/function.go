package expr

import (
	"bytes"
	"fmt"
	"sort"
	"strings"
	"time"

	"howdah/internal/table"
)

// function says what a function takes.
type function struct {
	min, max int // number of arguments; max -1: any
	text     bool
}

func (f function) wants() string {
	switch {
	case f.max < 0:
		return fmt.Sprintf("at least %d arguments", f.min)
	case f.min == f.max && f.min == 1:
		return "one argument"
	case f.min == f.max:
		return fmt.Sprintf("%d arguments", f.min)
	}
	return fmt.Sprintf("%d or %d arguments", f.min, f.max)
}

var functions = map[string]function{
	"column": {1, 1, true}, "date": {1, 1, true},
	"lower": {1, 1, true}, "upper": {1, 1, true}, "trim": {1, 2, true}, "trimPrefix": {2, 2, true}, "trimSuffix": {2, 2, true},
	"hasPrefix": {2, 2, true}, "hasSuffix": {2, 2, true}, "len": {1, 1, true},
	"abs": {1, 1, false}, "floor": {1, 1, false}, "ceil": {1, 1, false}, "round": {1, 1, false},
	"int": {1, 1, false}, "float": {1, 1, false}, "min": {1, -1, false}, "max": {1, -1, false},
}

var functionNames = func() []string {
	var names []string
	for name := range functions {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}()

// textFunction returns the function that appends the changed text to dst.
func textFunction(name, cut string, hasCut bool) func(dst, s []byte) []byte {
	f := map[string]func(s []byte) []byte{
		"lower":      bytes.ToLower,
		"upper":      bytes.ToUpper,
		"trim":       bytes.TrimSpace,
		"trimPrefix": func(s []byte) []byte { return bytes.TrimPrefix(s, []byte(cut)) },
		"trimSuffix": func(s []byte) []byte { return bytes.TrimSuffix(s, []byte(cut)) },
	}[name]
	if name == "trim" && hasCut {
		f = func(s []byte) []byte { return bytes.Trim(s, cut) }
	}
	return func(dst, s []byte) []byte { return append(dst, f(s)...) }
}

// dateForms are the forms of a date; those with a time of day come second.
var dateForms = []string{"2006-01-02", "2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02T15:04:05Z07:00"}

// parseDate reads a date (a constant of kind date) or a date with a time of day (a timestamp, in microseconds, or in
// nanoseconds where it has them). A zone is taken off: the result is UTC.
func parseDate(s string) (node, error) {
	text := strings.Replace(s, " ", "T", 1)
	for i, form := range dateForms {
		t, err := time.Parse(form, text)
		if err != nil {
			continue
		}
		if y := t.UTC().Year(); y < 1 || y > 9999 {
			break
		}
		if i == 0 {
			return temporal(floorDiv(t.Unix(), 86400), typ{kind: kindDate}), nil
		}
		if t.Nanosecond()%1000 == 0 {
			return temporal(t.UnixMicro(), typ{kindTimestamp, table.Micro}), nil
		}
		if y := t.Year(); y < 1678 || y > 2261 {
			return nil, fmt.Errorf("%q: nanoseconds reach from 1678 to 2261", s)
		}
		return temporal(t.UnixNano(), typ{kindTimestamp, table.Nano}), nil
	}
	return nil, fmt.Errorf("%q is not a date: want 2013-02-01, 2013-02-01T10:30 or 2013-02-01T10:30:00Z", s)
}

// parseTime reads a time of day.
func parseTime(s string) (node, error) {
	for _, form := range []string{"15:04", "15:04:05"} {
		if t, err := time.Parse(form, s); err == nil {
			d := t.Sub(t.Truncate(24 * time.Hour))
			if d%time.Microsecond == 0 {
				return temporal(d.Microseconds(), typ{kindTime, table.Micro}), nil
			}
			return temporal(d.Nanoseconds(), typ{kindTime, table.Nano}), nil
		}
	}
	return nil, fmt.Errorf("%q is not a time of day: want 10:30 or 10:30:00", s)
}

func temporal(v int64, t typ) node {
	return &constNode{vec{isConst: true, ints: []int64{v}}, t}
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
