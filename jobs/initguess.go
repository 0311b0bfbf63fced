package jobs

// What the columns of unknown data are likely to be.

import (
	"fmt"
	"howdah/internal/spelling"
	"math"
	"slices"
	"sort"
	"strings"
	"time"
	"unicode"

	"howdah/internal/table"
)

// guesses is what a job file for the data will say.
type guesses struct {
	*looked
	label   *glance
	why     string   // of the label
	sure    bool     // its name or the caller says so
	others  []string // further columns that could be the label
	kind    string   // binary, multiclass or regression
	id      *glance
	time    *glance
	ignored []ignored
	rules   []ruleGuess
}

type ignored struct {
	name, why string
}

// ruleGuess is a rule for some columns.
type ruleGuess struct {
	about   string // the comment above it
	names   []string
	options string // in YAML's flow style, after the columns
	numbers bool   // the columns are those of type number that no other rule names
}

// Words in names that tell what a column is.
var (
	labelNames    = words("label target y class outcome response")
	labelEvents   = words("late churn churned click clicked fraud fraudulent default defaulted converted conversion bought purchased survived died approved accepted cancelled canceled returned spam failed failure attrition readmitted delayed subscribed")
	labelAmounts  = words("delay price amount revenue sales duration demand quantity rating cost fare consumption spend")
	labelPrefixes = words("is has will did")
	idNames       = words("id uid uuid guid key rowid")
	codeNames     = words("id code zip zipcode postcode postal type category sku fips iata")
	timeNames     = words("time timestamp ts date datetime day dt ds event created occurred at")
	otherTimes    = words("birth birthday birthdate dob born joined signup registered due expiry expires until updated modified end arrival delivery last next")
	calendarNames = words("year month day hour date dt week quarter minute")
)

func words(s string) []string { return strings.Fields(s) }

// tokens splits a name at underscores, other signs and changes of case: arrDelay_min is arr, delay, min.
func tokens(name string) []string {
	var out []string
	var word []rune
	flush := func() {
		if len(word) > 0 {
			out = append(out, strings.ToLower(string(word)))
			word = nil
		}
	}
	lower := false
	for _, r := range name {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			flush()
		case unicode.IsUpper(r) && lower:
			flush()
			word = append(word, r)
		default:
			word = append(word, r)
		}
		lower = unicode.IsLower(r)
	}
	flush()
	return out
}

func anyOf(tokens, names []string) bool {
	return slices.ContainsFunc(tokens, func(t string) bool { return slices.Contains(names, t) })
}

// guess decides. An unknown label is an error.
func guess(l *looked, label string) (*guesses, error) {
	g := &guesses{looked: l}
	g.findID()
	g.findTime()
	if err := g.findLabel(label); err != nil {
		return nil, err
	}
	g.findFeatures()
	if len(g.rules) == 0 {
		return nil, withClass(DataError, fmt.Errorf("no column is left to be a feature beside the label %q", g.label.Name))
	}
	return g, nil
}

// findID takes a column that tells rows apart: by its name, or text of which no two rows have the same.
func (g *guesses) findID() {
	best := 0
	for _, c := range g.columns {
		if c.List || c.Partition || c.Type != table.String && c.Type != table.Int64 || !c.unique() {
			continue
		}
		score := 0
		if t := tokens(c.Name); anyOf(t, idNames) {
			score = 10
			if len(t) == 1 {
				score = 11
			}
		} else if c.Type == table.String && c.rows >= 100 && c.length < 64*c.rows {
			score = 1
		}
		if score > best {
			best, g.id = score, c
		}
	}
}

// compactDate reports whether whole numbers are dates as 20130105.
func compactDate(c *glance) bool {
	if c.Type != table.Int64 || len(c.values) == 0 {
		return false
	}
	for _, x := range []float64{c.quantile(0), c.quantile(1)} {
		if _, err := time.Parse("20060102", fmt.Sprintf("%.0f", x)); err != nil || x < 19000101 || x > 21001231 {
			return false
		}
	}
	return true
}

// findTime takes the column by which rows have a before and an after.
func (g *guesses) findTime() {
	const enough = 10 // different values, fewer of which cannot be split
	best := 0
	for _, c := range g.columns {
		compact := compactDate(c)
		if c.List || c.nulls > 0 || len(c.distinct) < enough || c.Type != table.Date && c.Type != table.Timestamp && !compact {
			continue
		}
		score := 0
		t := tokens(c.Name)
		if anyOf(t, timeNames) {
			score += 50
		}
		if anyOf(t, otherTimes) {
			score -= 50
		}
		if c.Partition {
			score += 100
		}
		if score < 50 || compact && !anyOf(t, calendarNames) {
			continue
		}
		if c.Type == table.Timestamp {
			score++
		}
		if score > best {
			best, g.time = score, c
		}
	}
}

// findLabel takes the caller's label, or the likeliest.
func (g *guesses) findLabel(want string) error {
	type candidate struct {
		c     *glance
		score int
		why   string
	}
	if want != "" {
		i := slices.IndexFunc(g.columns, func(c *glance) bool { return c.Name == want })
		if i < 0 {
			names := make([]string, len(g.columns))
			for k, c := range g.columns {
				names[k] = c.Name
			}
			hint := "the columns are " + shortList(names, 30)
			if near := spelling.Nearest(want, names); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
			return withClass(UserError, fmt.Errorf("label %q: no such column (%s)", want, hint))
		}
		c := g.columns[i]
		if why := cannotBeLabel(c, maxClasses); why != "" {
			return withClass(UserError, fmt.Errorf("label %q: %s", want, why))
		}
		g.label, g.sure, g.kind = c, true, labelKind(c)
		if g.id == c {
			g.id = nil
		}
		if g.time == c {
			g.time = nil
		}
		return nil
	}
	var all []candidate
	for i, c := range g.columns {
		if c == g.id || c == g.time || c.Partition || cannotBeLabel(c, manyClasses) != "" {
			continue
		}
		t := tokens(c.Name)
		kind := labelKind(c)
		score, why := 0, ""
		switch {
		case len(t) > 0 && slices.Contains(labelNames, t[len(t)-1]) || len(t) == 2 && slices.Contains(labelNames, t[0]):
			score, why = 100, "by its name"
		case anyOf(t, labelEvents) && kind == "binary":
			score, why = 90, "by its name, and it has two values"
		case anyOf(t, labelEvents) && kind == "multiclass":
			score, why = 60, "by its name"
		case len(t) > 0 && slices.Contains(labelAmounts, t[len(t)-1]) && kind == "regression":
			score, why = 40, "by its name"
		case kind == "binary" && len(t) > 1 && slices.Contains(labelPrefixes, t[0]):
			score, why = 30, "it has two values"
		case kind == "binary":
			score, why = 20, "it has two values"
		case c.Type == table.String || anyOf(t, codeNames):
			score, why = 1, ""
		default:
			score, why = 5, ""
		}
		if i == len(g.columns)-1 || !slices.ContainsFunc(g.columns[i+1:], func(c *glance) bool { return !c.Partition }) {
			score += 5 // the last column of the files
			if why == "" {
				why = "the last column"
			}
		}
		all = append(all, candidate{c, score, why})
	}
	if len(all) == 0 {
		return withClass(DataError, fmt.Errorf("no column can be a label: a label is a number, a truth value or a text of few values, and not the id or the time"))
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].score > all[j].score })
	best := all[0]
	if best.why == "" {
		best.why = "no name and no value tells"
	}
	g.label, g.why, g.sure, g.kind = best.c, best.why, best.score >= 40, labelKind(best.c)
	for _, c := range all[1:] {
		if c.score >= 20 && len(g.others) < 5 {
			g.others = append(g.others, c.c.Name)
		}
	}
	return nil
}

const (
	manyClasses = 20   // distinct values beyond which numbers are a quantity, and text is no label unasked
	maxClasses  = 1000 // distinct values beyond which text is no label at all
)

// cannotBeLabel says why a column is no label, or "".
func cannotBeLabel(c *glance, classes int) string {
	switch {
	case c.List:
		return "a list cannot be a label"
	case c.Type == table.Binary:
		return "bytes cannot be a label"
	case c.Type.Temporal():
		return "a time cannot be a label; make a number of it with an expr"
	case len(c.distinct) < 2:
		return fmt.Sprintf("the rows looked at hold %d different values; there is nothing to learn", len(c.distinct))
	case c.Type == table.String && len(c.distinct) > classes:
		return fmt.Sprintf("the text has more than %d different values in the rows looked at; they are no classes", classes)
	}
	return ""
}

func labelKind(c *glance) string {
	switch n := len(c.distinct); {
	case n == 2:
		return "binary"
	case c.Type == table.String || c.Type.Numeric() && c.whole && n <= manyClasses:
		return "multiclass"
	}
	return "regression"
}

// findFeatures sorts the remaining columns into rules.
func (g *guesses) findFeatures() {
	var numbers, gaps, tails, truths, few, many, codes, dates, moments []string
	ignore := func(c *glance, why string) { g.ignored = append(g.ignored, ignored{c.Name, why}) }
	span := time.Duration(0)
	for _, c := range g.columns {
		if c == g.label || c == g.id || c == g.time {
			continue
		}
		t := tokens(c.Name)
		switch {
		case c.List:
			ignore(c, "a list")
		case c.Type == table.Binary:
			ignore(c, "bytes")
		case c.present() == 0:
			ignore(c, "no value in the rows looked at")
		case c.Partition && g.time != nil && anyOf(t, calendarNames):
			ignore(c, "a part of the date, from the path")
		case c.unique() && (c.Type == table.String || anyOf(t, idNames)):
			ignore(c, "every row has a value of its own")
		case c.Type == table.Bool:
			truths = append(truths, c.Name)
		case c.Type == table.Date:
			dates = append(dates, c.Name)
			span = max(span, time.Duration(min(c.high-c.low, 100_000))*24*time.Hour)
		case c.Type == table.Timestamp:
			moments = append(moments, c.Name)
			span = max(span, time.Duration(min((c.high-c.low)/int64(c.Unit), 1<<32))*time.Second)
		case c.Type == table.Time:
			moments = append(moments, c.Name)
		case c.Type == table.String:
			switch n := len(c.distinct); {
			case n <= 30:
				few = append(few, c.Name)
			case c.many || n > c.present()/2:
				ignore(c, "text of which most rows have their own")
			default:
				many = append(many, c.Name)
			}
		case c.Type == table.Int64 && anyOf(t, codeNames):
			codes = append(codes, c.Name)
		case longTailed(c):
			tails = append(tails, c.Name)
		case c.nulls > 0:
			gaps = append(gaps, c.Name)
		default:
			numbers = append(numbers, c.Name)
		}
	}
	rule := func(about string, names []string, options string, numbers bool) {
		if len(names) > 0 {
			g.rules = append(g.rules, ruleGuess{about, names, options, numbers})
		}
	}
	rule("numbers", numbers, "scale: standard", true)
	rule("numbers that are missing in some rows: the median stands for them, and one more feature says so", gaps, "missing: median, indicator: true, scale: standard", false)
	rule("numbers with a long tail", tails, "missing: median, scale: [log1p, standard]", false)
	rule("truth values", truths, "missing: most_frequent", false)
	rule("text of few values", few, "encode: one_hot", false)
	rule("text of many values: a code for each that is frequent, buckets for the others", many, "encode: {vocabulary: {min_count: 5, oov_buckets: 8}}", false)
	rule("whole numbers that are names", codes, "encode: {vocabulary: {min_count: 5, oov_buckets: 8}}", false)
	parts := "day_of_week"
	if span >= 330*24*time.Hour {
		parts = "month, day_of_week"
	}
	rule("dates", dates, "date_parts: ["+parts+"]", false)
	var clocks []string
	moments = slices.DeleteFunc(moments, func(n string) bool {
		i := slices.IndexFunc(g.columns, func(c *glance) bool { return c.Name == n })
		if g.columns[i].Type == table.Time {
			clocks = append(clocks, n)
			return true
		}
		return false
	})
	rule("points in time", moments, "date_parts: ["+parts+", hour]", false)
	rule("times of day", clocks, "date_parts: [hour]", false)
}

// longTailed reports whether a number's largest values lie far above the middle and it is never negative.
func longTailed(c *glance) bool {
	if len(c.values) < 100 || c.quantile(0) < 0 {
		return false
	}
	middle, high := c.quantile(0.5), c.quantile(0.99)
	return middle > 0 && high > 20*middle && len(c.distinct) > 50
}

// threshold is a round number near the upper quarter of a quantity, for an example of an expression.
func threshold(c *glance) float64 {
	x := c.quantile(0.75)
	if x == 0 || math.IsNaN(x) {
		return 0
	}
	unit := math.Pow(10, math.Floor(math.Log10(math.Abs(x))))
	if r := math.Round(x/unit) * unit; r != 0 {
		return r
	}
	return x
}
