package preprocess

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"howdah/internal/onnx"
	"howdah/internal/table"
)

// number turns integers into doubles: a part of a date that is scaled instead of encoded.
type number struct{}

func (number) Apply(v *Values) {
	v.Type = Numbers
	for i, k := range v.Int[:v.N] {
		v.Num[i] = float64(k)
		if k == NoInt {
			v.Num[i] = nan
		}
	}
}

func (number) Export(g *onnx.Graph, n *Node) {
	n.Type = Numbers
	n.V = g.Where(g.Equal(n.V, g.Int64(NoInt)), g.Double(nan), g.Cast(n.V, onnx.Double))
}

func (number) String() string            { return "number" }
func (number) takes(t ValueType) bool    { return t == Integers }
func (finite) takes(t ValueType) bool    { return t == Numbers }
func (indicator) takes(t ValueType) bool { return t == Numbers || t == Integers || t == Text }
func (affine) takes(t ValueType) bool    { return t == Numbers }

// calendar is arithmetic on whole numbers, done by Apply on an int64 and by Export on a value of a graph.
type calendar[T any] struct {
	num      func(int64) T
	add, sub func(a, b T) T
	mul, div func(a T, b int64) T // div rounds down
	mod      func(a T, b int64) T
	less     func(a, b T) T // 1 or 0
}

// partDef is a part of a date or time: from days since 1970-01-01 and seconds of the day.
type partDef struct {
	date, clock bool // needs a date, a time of day
	doc         string
}

var partDefs = map[string]partDef{
	"year":        {true, false, "the year"},
	"quarter":     {true, false, "1 to 4"},
	"month":       {true, false, "1 to 12"},
	"week":        {true, false, "ISO 8601 week, 1 to 53"},
	"day":         {true, false, "day of the month, 1 to 31"},
	"day_of_week": {true, false, "Monday is 0, Sunday 6"},
	"day_of_year": {true, false, "1 to 366"},
	"hour":        {false, true, "0 to 23"},
	"minute":      {false, true, "0 to 59"},
	"second":      {false, true, "0 to 59"},
}

// DateParts lists the parts with what they mean, for the documentation.
func DateParts() []OptionDoc {
	var out []OptionDoc
	for name, d := range partDefs {
		out = append(out, OptionDoc{Name: name, Type: "integer", Doc: d.doc})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// defaultParts are the parts that a column of the type gets where the job names none: those that come again.
func defaultParts(f table.Field) []string {
	switch f.Type {
	case table.Date:
		return []string{"month", "day_of_week"}
	case table.Time:
		return []string{"hour"}
	}
	return []string{"month", "day_of_week", "hour"}
}

func checkPart(part string, f table.Field) error {
	d, ok := partDefs[part]
	if !ok {
		var names []string
		for _, p := range DateParts() {
			names = append(names, p.Name)
		}
		return fmt.Errorf("unknown part %q, want one of %s", part, strings.Join(names, ", "))
	}
	if d.date && f.Type == table.Time || d.clock && f.Type == table.Date {
		return fmt.Errorf("a %s has no %s", f.Type, part)
	}
	if f.Type != table.Date && !slices.Contains([]table.Unit{table.Milli, table.Micro, table.Nano, 1}, f.Unit) {
		return fmt.Errorf("column %q has no unit of time", f.Name)
	}
	return nil
}

// datePart takes a part of a date (days since 1970-01-01), a time (units since midnight) or a timestamp (units since
// 1970-01-01T00:00:00), in UTC or in the local time that the column holds: no zone is applied. Years are those of the
// proleptic Gregorian calendar.
type datePart struct {
	Part string `json:"part"`
	Unit int64  `json:"unit,omitempty"` // units a second
	Type string `json:"type"`
}

func (p *datePart) takes(t ValueType) bool { return t == Integers }

func (p *datePart) restored() error {
	var t table.Type
	if err := t.UnmarshalText([]byte(p.Type)); err != nil {
		return err
	}
	if !t.Temporal() {
		return fmt.Errorf("type %s has no parts", p.Type)
	}
	return checkPart(p.Part, table.Field{Type: t, Unit: table.Unit(p.Unit)})
}

func (p *datePart) String() string { return p.Part }

// calendarOf computes the part. The algorithms are Howard Hinnant's (chrono-Compatible Low-Level Date Algorithms), which
// count years from March, so that the leap day is the last one.
func calendarOf[T any](c calendar[T], p *datePart, x T) T {
	days, second := x, x
	switch p.Type {
	case "time":
		second = c.div(x, p.Unit)
	case "timestamp":
		s := c.div(x, p.Unit)
		days, second = c.div(s, 86400), c.mod(s, 86400)
	}
	switch p.Part {
	case "hour":
		return c.mod(c.div(second, 3600), 24)
	case "minute":
		return c.mod(c.div(second, 60), 60)
	case "second":
		return c.mod(second, 60)
	case "day_of_week":
		return weekday(c, days)
	case "week":
		// The ISO week is that of its Thursday.
		thursday := c.add(c.sub(days, weekday(c, days)), c.num(3))
		return c.add(c.div(c.sub(dayOfYear(c, thursday), c.num(1)), 7), c.num(1))
	case "day_of_year":
		return dayOfYear(c, days)
	}
	year, month, day := civil(c, days)
	switch p.Part {
	case "year":
		return year
	case "quarter":
		return c.div(c.add(month, c.num(2)), 3)
	case "month":
		return month
	}
	return day
}

func weekday[T any](c calendar[T], days T) T { return c.mod(c.add(days, c.num(3)), 7) }

// civil turns days since 1970-01-01 into year, month and day.
func civil[T any](c calendar[T], days T) (year, month, day T) {
	z := c.add(days, c.num(719468))
	era := c.div(z, 146097)
	doe := c.sub(z, c.mul(era, 146097))
	yoe := c.div(c.sub(c.add(c.sub(doe, c.div(doe, 1460)), c.div(doe, 36524)), c.div(doe, 146096)), 365)
	doy := c.sub(doe, c.sub(c.add(c.mul(yoe, 365), c.div(yoe, 4)), c.div(yoe, 100)))
	mp := c.div(c.add(c.mul(doy, 5), c.num(2)), 153)
	day = c.add(c.sub(doy, c.div(c.add(c.mul(mp, 153), c.num(2)), 5)), c.num(1))
	// March is month 0 of mp; January and February belong to the next year.
	late := c.less(c.num(9), mp)
	month = c.sub(c.add(mp, c.num(3)), c.mul(late, 12))
	year = c.add(c.add(yoe, c.mul(era, 400)), late)
	return year, month, day
}

// dayOfYear counts from 1.
func dayOfYear[T any](c calendar[T], days T) T {
	year, _, _ := civil(c, days)
	before := c.sub(year, c.num(1))
	first := c.add(c.sub(c.add(c.mul(before, 365), c.div(before, 4)), c.div(before, 100)), c.div(before, 400))
	return c.add(c.sub(days, c.sub(first, c.num(719162))), c.num(1))
}

var intCalendar = calendar[int64]{
	num: func(a int64) int64 { return a },
	add: func(a, b int64) int64 { return a + b },
	sub: func(a, b int64) int64 { return a - b },
	mul: func(a, b int64) int64 { return a * b },
	div: onnx.FloorDiv,
	mod: onnx.Mod,
	less: func(a, b int64) int64 {
		if a < b {
			return 1
		}
		return 0
	},
}

// Apply computes the part where there is a value. The outermost 2^32 integers on either side are missing.
func (p *datePart) Apply(v *Values) {
	lastIn, lastOut := int64(NoInt), int64(NoInt)
	for i, x := range v.Int[:v.N] {
		if x > maxTime || x < -maxTime {
			v.Int[i] = NoInt
			continue
		}
		if x != lastIn { // neighbours are often equal
			lastIn, lastOut = x, calendarOf(intCalendar, p, x)
		}
		v.Int[i] = lastOut
	}
}

// maxTime keeps the arithmetic of the calendar within an int64.
const maxTime = 1<<63 - 1 - 1<<32

// Export writes the same arithmetic.
func (p *datePart) Export(g *onnx.Graph, n *Node) {
	c := calendar[onnx.Value]{
		num:  g.Int64,
		add:  g.AddOp,
		sub:  g.Sub,
		mul:  func(a onnx.Value, b int64) onnx.Value { return g.Mul(a, g.Int64(b)) },
		div:  g.FloorDiv,
		mod:  func(a onnx.Value, b int64) onnx.Value { return g.Mod(a, g.Int64(b)) },
		less: func(a, b onnx.Value) onnx.Value { return g.Cast(g.Less(a, b), onnx.Int64) },
	}
	none := g.Or(g.Greater(n.V, g.Int64(maxTime)), g.Less(n.V, g.Int64(-maxTime)))
	x := g.Where(none, g.Int64(0), n.V)
	n.V = g.Where(none, g.Int64(NoInt), calendarOf(c, p, x))
}
