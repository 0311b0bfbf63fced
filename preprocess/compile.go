package preprocess

import (
	"encoding/json"
	"errors"
	"fmt"
	"howdah/internal/spelling"
	"regexp"
	"slices"
	"strings"

	"howdah/internal/table"
)

// DefaultRules are the rules of a job that states none: numbers get the median where missing, an indicator where training
// rows miss any, and standard scaling; text becomes codes of a vocabulary, one weight each; truth values 0 and 1; dates
// and times one-hot parts.
func DefaultRules() []Rule {
	yes := true
	return []Rule{
		{Columns: Selector{Type: "number"}, Indicator: &yes},
		{Columns: Selector{Type: "bool"}, Indicator: &yes},
		{Columns: Selector{Type: "string"}},
		{Columns: Selector{Type: "temporal"}},
	}
}

// compiler turns rules into chains.
type compiler struct {
	schema   table.Schema
	rules    []Rule
	roles    Roles
	defaults bool
}

// assignment is the rule of a column, or why there is none.
type assignment struct {
	rule  int
	named bool
	why   string
}

func describeType(f table.Field) string {
	if f.List {
		return "list of " + f.Type.String()
	}
	return f.Type.String()
}

// assign gives each column its rule: a name beats a pattern wherever the rules stand; two names, or two patterns, for one
// column are a mistake.
func (c *compiler) assign() ([]assignment, []error) {
	out := make([]assignment, len(c.schema))
	for i := range out {
		out[i].rule = -1
		out[i].why = "no rule selects it"
		if role, _ := c.roles.of(c.schema[i].Name); role != "" {
			out[i].why = "it is " + role
		}
	}
	var errs []error
	for r, rule := range c.rules {
		at := fmt.Sprintf("[%d].columns", r)
		s := rule.Columns
		if len(s.Names) == 0 && s.Type == "" && s.Prefix == "" && s.Regex == "" {
			errs = append(errs, fieldErrorf(at, "want columns: a name, a list of names, or a mapping with type, prefix or regex"))
			continue
		}
		prefix := at
		if s.Type != "" || s.Prefix != "" || s.Regex != "" || s.Except != nil {
			prefix += ".names"
		}
		for j, name := range s.Names {
			place := fmt.Sprintf("%s[%d]", prefix, j)
			i := slices.IndexFunc(c.schema, func(f table.Field) bool { return f.Name == name })
			if i < 0 {
				errs = append(errs, fieldErrorf(place, "no column %q%s", name, suggest(name, c.schema.Names())))
				continue
			}
			if role, hard := c.roles.of(name); hard {
				errs = append(errs, fieldErrorf(place, "column %q is %s and cannot be a feature", name, role))
				continue
			}
			if out[i].named {
				errs = append(errs, fieldErrorf(place, "column %q has a rule already, features[%d]", name, out[i].rule))
				continue
			}
			out[i] = assignment{rule: r, named: true}
		}
	}
	for r, rule := range c.rules {
		matched, more, err := c.match(rule.Columns, out, r)
		at := fmt.Sprintf("[%d].columns", r)
		errs = append(errs, below(at, err)...)
		for _, i := range more {
			errs = append(errs, fieldErrorf(at, "column %q has a rule already, features[%d]; name it in one of them, or leave it out with except", c.schema[i].Name, out[i].rule))
		}
		s := rule.Columns
		if err == nil && matched == 0 && !c.defaults && (s.Type != "" || s.Prefix != "" || s.Regex != "") {
			errs = append(errs, fieldErrorf(at, "no column matches %s", s))
		}
	}
	return out, errs
}

// match assigns the columns that the selector's pattern chooses. It returns how many match, and those that another pattern
// has chosen already.
func (c *compiler) match(s Selector, out []assignment, rule int) (matched int, twice []int, err error) {
	if s.Type == "" && s.Prefix == "" && s.Regex == "" {
		return 0, nil, nil
	}
	var re *regexp.Regexp
	var errs []error
	if s.Regex != "" {
		if re, err = regexp.Compile("^(?:" + s.Regex + ")$"); err != nil {
			errs = append(errs, fieldErrorf("regex", "%v", err))
		}
	}
	if s.Type != "" && !knownType(s.Type) {
		errs = append(errs, fieldErrorf("type", "unknown type %q, want number, string, bool, temporal, any, int64, float32, float64, date, time or timestamp", s.Type))
	}
	for j, name := range s.Except {
		if _, ok := c.schema.Lookup(name); !ok {
			errs = append(errs, fieldErrorf(fmt.Sprintf("except[%d]", j), "no column %q%s", name, suggest(name, c.schema.Names())))
		}
	}
	if errs != nil {
		return 0, nil, errors.Join(errs...)
	}
	for i, f := range c.schema {
		if s.Type != "" && !typeMatches(s.Type, f.Type) || !strings.HasPrefix(f.Name, s.Prefix) ||
			re != nil && !re.MatchString(f.Name) || slices.Contains(s.Except, f.Name) {
			continue
		}
		if role, _ := c.roles.of(f.Name); role != "" {
			continue
		}
		matched++
		switch {
		case out[i].named:
		case f.List:
			out[i].why = "lists are not features yet"
		case f.Type == table.Binary && s.Type != "binary":
			out[i].why = "bytes are a feature only where they are named"
		case out[i].rule >= 0:
			twice = append(twice, i)
		default:
			out[i] = assignment{rule: rule}
		}
	}
	return matched, twice, nil
}

func knownType(name string) bool {
	var t table.Type
	return slices.Contains([]string{"number", "temporal", "any"}, name) || t.UnmarshalText([]byte(name)) == nil && t != table.Invalid
}

func typeMatches(name string, t table.Type) bool {
	switch name {
	case "any":
		return true
	case "number":
		return t.Numeric()
	case "temporal":
		return t.Temporal()
	}
	return t.String() == name
}

// compile makes the features of one column.
func (c *compiler) compile(rule int, field table.Field, named bool) ([]*feature, error) {
	r := c.rules[rule]
	if field.List {
		return nil, fieldErrorf("columns", "column %q is a list; lists are not features yet", field.Name)
	}
	if inputType(field) == 0 {
		return nil, fieldErrorf("columns", "column %q has type %s, which cannot be a feature", field.Name, field.Type)
	}
	parts := r.Parts
	if parts != nil && !field.Type.Temporal() {
		return nil, fieldErrorf("date_parts", "column %q is not a date, time or timestamp but %s", field.Name, field.Type)
	}
	if parts == nil && field.Type.Temporal() && r.Scale == nil && r.Encode.IsZero() && r.Clip.IsZero() {
		parts = defaultParts(field)
	}
	if parts == nil {
		f, err := c.chain(r, rule, field, "", named)
		return []*feature{f}, err
	}
	var out []*feature
	var errs []error
	for i, part := range parts {
		if err := checkPart(part, field); err != nil {
			errs = append(errs, fieldErrorf(fmt.Sprintf("date_parts[%d]", i), "%v", err))
			continue
		}
		if slices.Contains(parts[:i], part) {
			errs = append(errs, fieldErrorf(fmt.Sprintf("date_parts[%d]", i), "%q is named twice", part))
			continue
		}
		f, err := c.chain(r, rule, field, part, named)
		if err != nil {
			errs = append(errs, below("", err)...)
		}
		out = append(out, f)
	}
	return out, errors.Join(errs...)
}

// chainBuilder appends steps to a feature and follows the type of its values.
type chainBuilder struct {
	f     *feature
	now   ValueType
	exact bool
	errs  []error
}

func (b *chainBuilder) own(kind string, f Fitted, out ValueType) {
	b.f.steps = append(b.f.steps, &step{kind: kind, fixed: f})
	b.now = out
}

func (b *chainBuilder) add(slot Slot, path string, c Choice) {
	k, l, err := configure(slot, c)
	if err == nil {
		var out ValueType
		if out, err = l.check(b.now); err == nil {
			b.now = out
			if m, ok := l.options().(multipass); ok && b.exact {
				m.setExact()
			}
			b.f.steps = append(b.f.steps, &step{slot: slot, kind: k.Name, learner: l, fixed: l.fixed(), path: path})
			return
		}
		if fe, ok := err.(*FieldError); ok && fe.Path == "" {
			err = &FieldError{"", fmt.Sprintf("%s %s (column %q)", k.Name, fe.Msg, b.f.src.field.Name)}
		} else if len(c.Kind) > 0 && string(slot) != k.Name {
			err = joinBelow(k.Name, err)
		}
	}
	b.errs = append(b.errs, below(path, err)...)
}

// chain makes the feature of a column, or of one of its parts.
func (c *compiler) chain(r Rule, rule int, field table.Field, part string, named bool) (*feature, error) {
	f := &feature{name: field.Name, rule: rule, named: named, src: source{field: field}}
	if c.defaults {
		f.rule = -1
	}
	encode := r.Encode
	isText := field.Type == table.String || field.Type == table.Binary
	switch {
	case isText && encode.IsZero():
		encode = Choice{Kind: "vocabulary"}
	case part != "" && encode.IsZero() && r.Scale == nil && r.Clip.IsZero():
		encode = Choice{Kind: "one_hot"}
	}
	f.src.flow = c.flow(field, encode, part)
	b := &chainBuilder{f: f, now: f.src.flow, exact: r.Quantiles == "exact"}
	if r.Quantiles != "" && r.Quantiles != "sketch" && r.Quantiles != "exact" {
		b.errs = append(b.errs, fieldErrorf("quantiles", "unknown way %q, want sketch or exact", r.Quantiles))
	}
	if part != "" {
		f.name = field.Name + "." + part
		b.own("date_part", &datePart{Part: part, Unit: int64(field.Unit), Type: field.Type.String()}, Integers)
		if !takesIntegers(encode) {
			b.own("number", &number{}, Numbers)
		}
	}
	f.countAt = len(f.steps)
	floats := field.Type == table.Float32 || field.Type == table.Float64
	switch r.Infinite {
	case "", "error":
	case "missing":
		f.anyInf = true
	default:
		b.errs = append(b.errs, fieldErrorf("infinite", "unknown policy %q, want error or missing", r.Infinite))
	}
	switch {
	case !floats || b.now != Numbers:
		f.anyInf = true
	case r.Clip.IsZero() && encode.IsZero() || r.Infinite == "missing":
		b.own("finite", &finite{}, Numbers)
	default: // clipped or cut into buckets: an infinity is as good as a large number
		f.anyInf = true
	}
	f.rawAt = len(f.steps)
	if r.Indicator != nil && *r.Indicator {
		b.add(slotIndicator, "indicator", Choice{Kind: "indicator"})
	}
	missing := r.Missing
	if missing.IsZero() {
		missing = Choice{Kind: "keep"}
		if b.now == Numbers && encode.IsZero() {
			missing.Kind = "median"
			if field.Type == table.Bool {
				missing.Kind = "most_frequent"
			}
		}
	}
	if missing.Kind == "keep" && b.now == Numbers && encode.IsZero() {
		b.errs = append(b.errs, fieldErrorf("missing", "a number needs a value where it is missing (column %q): median, mean, most_frequent, {constant: 0} or drop_row", field.Name))
	}
	f.missing = missing.Kind
	b.add(SlotMissing, "missing", missing)
	if !r.Clip.IsZero() {
		b.add(SlotClip, "clip", r.Clip)
	}
	if !encode.IsZero() {
		b.add(SlotEncode, "encode", encode)
	}
	f.selAt, f.selType = len(f.steps), b.now
	scale := r.Scale
	if scale == nil && b.now == Numbers && encode.IsZero() && field.Type != table.Bool {
		scale = Choices{{Kind: "standard"}}
	}
	for i, s := range scale {
		path := "scale"
		if len(scale) > 1 {
			path = fmt.Sprintf("scale[%d]", i)
		}
		b.add(SlotScale, path, s)
	}
	f.out = b.now
	if r.Embedding != nil {
		switch f.dim = r.Embedding.Dim; {
		case f.dim < 1 || f.dim > 4096:
			b.errs = append(b.errs, fieldErrorf("embedding.dim", "want 1 to 4096, have %d", f.dim))
		case f.out != Codes && len(b.errs) == 0:
			b.errs = append(b.errs, fieldErrorf("embedding", "column %q has no codes to embed: it gives %s; encode it by one_hot, vocabulary, hash or bucketize", field.Name, f.out))
		}
	}
	if len(b.errs) == 0 && f.out != Numbers && f.out != Codes && f.out != Signs {
		b.errs = append(b.errs, fieldErrorf("", "column %q ends as %s, which a model cannot take", field.Name, f.out))
	}
	return f, errors.Join(b.errs...)
}

// flow is the type in which a column's values start.
func (c *compiler) flow(field table.Field, encode Choice, part string) ValueType {
	switch {
	case field.Type == table.String || field.Type == table.Binary:
		return Text
	case part != "":
		return Integers
	case field.Type == table.Float32 || field.Type == table.Float64 || encode.IsZero():
		return Numbers
	case takesIntegers(encode):
		return Integers
	}
	return Numbers
}

// takesIntegers reports whether the chosen encoder works on integers.
func takesIntegers(encode Choice) bool {
	if encode.IsZero() {
		return false
	}
	_, l, err := configure(SlotEncode, encode)
	if err != nil {
		return false
	}
	_, err = l.check(Integers)
	return err == nil
}

// suggest names the closest candidate, as part of a message.
func suggest(name string, candidates []string) string {
	if near := spelling.Nearest(name, candidates); near != "" {
		return fmt.Sprintf(" (did you mean %q?)", near)
	}
	return ""
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("preprocess: " + err.Error()) // only our own types, which marshal
	}
	return b
}
