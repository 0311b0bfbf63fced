package preprocess

import (
	"fmt"
	"slices"
	"strings"
)

// Rule is one entry of a job's list of features: which columns, and what is done to each. The order of the steps is
// fixed: date parts, missing values, clipping, encoding, scaling. What a rule leaves out depends on the column's type:
//
//   - a number: missing median, scale standard
//   - a truth value: missing most_frequent, no scaling
//   - text: missing keep (the empty text is a category), encode vocabulary
//   - a date or time: date_parts of its type, missing keep, encode one_hot; with scale or bucketize: a number in the
//     column's own unit
type Rule struct {
	Columns   Selector   `yaml:"columns" doc:"the columns: a name, a list of names, or a mapping with type, prefix, regex, names, except"`
	Parts     []string   `yaml:"date_parts" doc:"of a date, time or timestamp: year, quarter, month, week, day, day_of_week (Monday is 0), day_of_year, hour, minute, second; each becomes a feature named column.part"`
	Missing   Choice     `yaml:"missing" doc:"what stands for a missing value"`
	Indicator *bool      `yaml:"indicator" doc:"one more dense slot, 1 where the value was missing, if any training row misses it"`
	Infinite  string     `yaml:"infinite" doc:"infinite numbers: error (in training rows; the default) or missing. With clip they are clipped"`
	Clip      Choice     `yaml:"clip" doc:"bounds of a number: {min: a, max: b} or {quantiles: [a, b]} of the training rows"`
	Quantiles string     `yaml:"quantiles" doc:"how median, robust, clip and bucketize find quantiles: sketch (in the wave they share with everything else; rank error about 0.1%; the default) or exact (four passes)"`
	Scale     Choices    `yaml:"scale" doc:"how a number is scaled; a list is done in its order"`
	Encode    Choice     `yaml:"encode" doc:"how a category becomes a code"`
	Embedding *Embedding `yaml:"embedding" doc:"learn a vector for each code instead of one weight"`
}

// Embedding says that the codes of a feature are looked up in a table of learnt vectors.
type Embedding struct {
	Dim int `yaml:"dim" doc:"width of the vectors"`
}

// Choice names a registered kind with its options: `median`, or `{vocabulary: {min_count: 5}}`. The zero Choice is none.
type Choice struct {
	Kind    string
	Options any // as written: a scalar, []any, map[string]any; nil where only the name is given
}

// IsZero reports whether nothing was chosen.
func (c Choice) IsZero() bool { return c.Kind == "" && c.Options == nil }

// UnmarshalJob reads a name or a mapping of one name to its options.
func (c *Choice) UnmarshalJob(v any) error {
	switch v := v.(type) {
	case nil:
		*c = Choice{}
		return nil
	case string:
		*c = Choice{Kind: v}
		return nil
	case map[string]any:
		// `clip: {min: 0}` has no kind of its own: Compile knows what a mapping with other keys means.
		if len(v) == 1 {
			for k, o := range v {
				*c = Choice{k, o}
			}
			return nil
		}
		*c = Choice{Options: v}
		return nil
	}
	return &FieldError{"", fmt.Sprintf("want a name, or a mapping of a name to its options, have %v", v)}
}

// Plain returns the choice as a job file would have it.
func (c Choice) Plain() any {
	switch {
	case c.Kind == "":
		return c.Options
	case c.Options == nil:
		return c.Kind
	}
	return map[string]any{c.Kind: c.Options}
}

// Choices is a choice or a list of them, done in order.
type Choices []Choice

// UnmarshalJob reads one choice or a list.
func (cs *Choices) UnmarshalJob(v any) error {
	list, ok := v.([]any)
	if !ok {
		var c Choice
		if err := c.UnmarshalJob(v); err != nil {
			return err
		}
		*cs = nil
		if !c.IsZero() {
			*cs = Choices{c}
		}
		return nil
	}
	out := make(Choices, len(list))
	for i, x := range list {
		if err := out[i].UnmarshalJob(x); err != nil {
			return below(fmt.Sprintf("[%d]", i), err)[0]
		}
		if out[i].IsZero() {
			return &FieldError{fmt.Sprintf("[%d]", i), "empty"}
		}
	}
	*cs = out
	return nil
}

// Plain returns the choices as a job file would have them.
func (cs Choices) Plain() any {
	if len(cs) == 1 {
		return cs[0].Plain()
	}
	out := make([]any, len(cs))
	for i, c := range cs {
		out[i] = c.Plain()
	}
	return out
}

// Selector says which columns a rule is about. Names chooses them explicitly; Type, Prefix and Regex choose among all
// columns, each narrowing the choice.
type Selector struct {
	Names  []string `yaml:"names" doc:"columns by name"`
	Type   string   `yaml:"type" doc:"number, string, bool, temporal, any, or a type as printed by howdah plan (int64, date, ...)"`
	Prefix string   `yaml:"prefix" doc:"columns whose name begins so"`
	Regex  string   `yaml:"regex" doc:"columns whose whole name matches (RE2)"`
	Except []string `yaml:"except" doc:"names that are left out"`
}

// UnmarshalJob reads a name, a list of names, or a mapping.
func (s *Selector) UnmarshalJob(v any) error {
	switch v := v.(type) {
	case nil:
		*s = Selector{}
		return nil
	case string:
		*s = Selector{Names: []string{v}}
		return nil
	case []any:
		names, err := nameList("", v)
		*s = Selector{Names: names}
		return err
	case map[string]any:
		var out Selector
		err := decodeOptions(v, &out)
		*s = out
		return err
	}
	return &FieldError{"", fmt.Sprintf("want a column's name, a list of names, or a mapping with type, prefix, regex, names or except, have %v", v)}
}

// Plain returns the selector as a job file would have it.
func (s Selector) Plain() any {
	if s.Type == "" && s.Prefix == "" && s.Regex == "" && s.Except == nil {
		out := make([]any, len(s.Names))
		for i, n := range s.Names {
			out[i] = n
		}
		return out
	}
	m := map[string]any{}
	for k, v := range map[string]string{"type": s.Type, "prefix": s.Prefix, "regex": s.Regex} {
		if v != "" {
			m[k] = v
		}
	}
	for k, v := range map[string][]string{"names": s.Names, "except": s.Except} {
		if v != nil {
			list := make([]any, len(v))
			for i, n := range v {
				list[i] = n
			}
			m[k] = list
		}
	}
	return m
}

func (s Selector) String() string {
	var parts []string
	for _, p := range [][2]string{{"type", s.Type}, {"prefix", s.Prefix}, {"regex", s.Regex}} {
		if p[1] != "" {
			parts = append(parts, p[0]+" "+p[1])
		}
	}
	if len(s.Names) > 0 {
		parts = append(parts, strings.Join(s.Names, ", "))
	}
	if len(s.Except) > 0 {
		parts = append(parts, "except "+strings.Join(s.Except, ", "))
	}
	return strings.Join(parts, ", ")
}

func nameList(path string, v []any) ([]string, error) {
	out := make([]string, len(v))
	for i, x := range v {
		name, ok := x.(string)
		if !ok {
			return nil, fieldErrorf(fmt.Sprintf("%s[%d]", path, i), "want a column's name, have %v", x)
		}
		if slices.Contains(out[:i], name) {
			return nil, fieldErrorf(fmt.Sprintf("%s[%d]", path, i), "%q is named twice", name)
		}
		out[i] = name
	}
	return out, nil
}

// Roles names the columns that are not features. The columns that a label's expression reads would tell the model the
// answer, so they count as the label.
type Roles struct {
	Label      string
	LabelReads []string
	ID         string
	Weight     string
	Time       string
	Group      string
	Ignore     []string
}

// of returns the role of a column, or "". hard says that the column cannot be a feature even where a rule names it.
func (r Roles) of(column string) (role string, hard bool) {
	switch {
	case column == "":
		return "", false
	case column == r.Label:
		return "the label", true
	case slices.Contains(r.LabelReads, column):
		return "read by the label's expression", true
	case column == r.ID:
		return "the id", true
	case column == r.Weight:
		return "the weight", true
	case slices.Contains(r.Ignore, column):
		return "ignored", true
	case column == r.Time:
		return "the time", false
	case column == r.Group:
		return "the group", false
	}
	return "", false
}
