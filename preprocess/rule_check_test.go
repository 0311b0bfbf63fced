package preprocess

import "testing"

func TestRuleValidate(t *testing.T) {
	t.Parallel()
	choice := func(v any) (c Choice) {
		if err := c.UnmarshalJob(v); err != nil {
			t.Fatal(err)
		}
		return c
	}
	a := Selector{Names: []string{"a"}}
	for name, c := range map[string]struct {
		rule Rule
		want string // "": right
	}{
		"numbers":            {Rule{Columns: a, Missing: choice("median"), Scale: Choices{choice("standard")}}, ""},
		"text":               {Rule{Columns: a, Encode: choice(map[string]any{"vocabulary": map[string]any{"min_count": int64(5)}})}, ""},
		"a short form":       {Rule{Columns: a, Encode: choice(map[string]any{"hash": int64(100)})}, ""},
		"bounds":             {Rule{Columns: a, Clip: choice(map[string]any{"min": 0.0})}, ""},
		"parts":              {Rule{Columns: a, Parts: []string{"hour", "day_of_week"}}, ""},
		"default rules":      {DefaultRules()[0], ""},
		"no columns":         {Rule{}, "columns: want columns: a name, a list of names, or a mapping with type, prefix or regex"},
		"a kind":             {Rule{Columns: a, Encode: choice("onehot")}, `encode: unknown kind "onehot", want one of bucketize, hash, one_hot, ordinal, vocabulary`},
		"an option":          {Rule{Columns: a, Encode: choice(map[string]any{"hash": map[string]any{"size": int64(3)}})}, "encode.hash.size: unknown option; known here: buckets, signed, seed"},
		"an option's value":  {Rule{Columns: a, Encode: choice(map[string]any{"hash": int64(0)})}, "encode.hash.buckets: want 1 to 1073741824, have 0"},
		"a second scale":     {Rule{Columns: a, Scale: Choices{choice("log1p"), choice("standrad")}}, `scale[1]: unknown kind "standrad", want one of log1p, min_max, none, robust, standard`},
		"quantiles":          {Rule{Columns: a, Clip: choice(map[string]any{"quantiles": []any{0.9, 0.1}})}, "clip.quantiles: want two ascending shares from 0 to 1, have [0.9 0.1]"},
		"a part":             {Rule{Columns: a, Parts: []string{"hour", "weekday"}}, `date_parts[1]: unknown part "weekday", want one of day, day_of_week, day_of_year, hour, minute, month, quarter, second, week, year`},
		"a part twice":       {Rule{Columns: a, Parts: []string{"hour", "hour"}}, `date_parts[1]: "hour" is named twice`},
		"a policy":           {Rule{Columns: a, Infinite: "ignore"}, `infinite: unknown policy "ignore", want error or missing`},
		"a way":              {Rule{Columns: a, Quantiles: "approx"}, `quantiles: unknown way "approx", want sketch or exact`},
		"an embedding":       {Rule{Columns: a, Embedding: &Embedding{}}, "embedding.dim: want 1 to 4096, have 0"},
		"a type":             {Rule{Columns: Selector{Type: "text"}}, `columns.type: unknown type "text", want one of number, string, bool, temporal, any, int64, float32, float64, date, time, timestamp`},
		"a regex":            {Rule{Columns: Selector{Regex: "("}}, "columns.regex: error parsing regexp: missing closing ): `^(?:()$`"},
		"two mistakes":       {Rule{Columns: a, Infinite: "x", Missing: choice("mode")}, "infinite: unknown policy \"x\", want error or missing\nmissing: unknown kind \"mode\", want one of constant, drop_row, keep, mean, median, most_frequent"},
		"options of a plain": {Rule{Columns: a, Scale: Choices{choice(map[string]any{"standard": map[string]any{"x": int64(1)}})}}, "scale.standard.x: unknown option; there are none"},
	} {
		got := ""
		if err := c.rule.Validate(); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, c.want)
		}
	}
}
