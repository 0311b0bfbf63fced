package expr

import (
	"bytes"
	"fmt"
	"math"
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
	"year": {min: 1, max: 1}, "month": {min: 1, max: 1}, "day": {min: 1, max: 1}, "weekday": {min: 1, max: 1}, "hour": {min: 1, max: 1},
	"minute": {min: 1, max: 1}, "int": {1, 1, false}, "float": {1, 1, false}, "min": {1, -1, false}, "max": {1, -1, false},
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

// partNode is a part of a date or time: year, month (1 to 12), day (of the month), weekday (0 is Monday), hour, minute.
type partNode struct {
	part string
	x    node
}

func (p *partNode) typ() typ      { return typ{kind: kindInt} }
func (p *partNode) canFail() bool { return p.x.canFail() }
func (p *partNode) eval(e *batchEnv, active table.Bitmap) (vec, error) {
	v, err := p.x.eval(e, active)
	if err != nil {
		return vec{}, err
	}
	v = v.expand(e.n, e.a)
	out := e.a.Int64s(e.n)
	perDay := p.x.typ().perDay()
	last, value := int64(math.MinInt64), int64(0) // equal times come together
	for i, t := range v.ints {
		if t != last || i == 0 {
			last, value = t, partOf(p.part, t, perDay)
		}
		out[i] = value
	}
	return vec{ints: out, valid: v.valid}, nil
}

func partOf(part string, t, perDay int64) int64 {
	days := floorDiv(t, perDay)
	switch part {
	case "hour":
		return (t - days*perDay) / (perDay / 24)
	case "minute":
		return (t - days*perDay) / (perDay / 1440) % 60
	case "weekday":
		return ((days % 7) + 7 + 3) % 7 // 1970-01-01 was a Thursday
	}
	y, m, d := civil(days)
	switch part {
	case "year":
		return y
	case "month":
		return m
	}
	return d
}

// civil turns days since 1970-01-01 into a date of the Gregorian calendar (Hinnant, chrono-compatible low-level date
// algorithms, civil_from_days).
func civil(days int64) (year, month, day int64) {
	const era = 146097 // days in 400 years
	e := floorDiv(days, era)
	d := days - e*era + 719468%era // from 0000-03-01
	e += 719468 / era
	if d >= era {
		d, e = d-era, e+1
	}
	y := (d - d/1460 + d/36524 - d/146096) / 365
	d -= 365*y + y/4 - y/100
	m := (5*d + 2) / 153
	day = d - (153*m+2)/5 + 1
	if month = m + 3; month > 12 {
		month -= 12
	}
	year = y + 400*e
	if month <= 2 {
		year++
	}
	return year, month, day
}

func (p *partNode) bounds(s *statistics) bound {
	x := p.x.bounds(s)
	b := anything()
	b.null, b.some = x.null, x.some
	limits := map[string][2]int64{"month": {1, 12}, "day": {1, 31}, "weekday": {0, 6}, "hour": {0, 23}, "minute": {0, 59}}
	if l, ok := limits[p.part]; ok {
		b.ilo, b.ihi = l[0], l[1]
	} else if x.ilo <= x.ihi {
		perDay := p.x.typ().perDay()
		b.ilo, b.ihi = partOf(p.part, x.ilo, perDay), partOf(p.part, x.ihi, perDay)
	}
	return b
}
