package jobs

// The reference of the job file, made from the Spec's types, their docs and the registries.

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"howdah/eval"
	"howdah/internal/strictyaml"
	"howdah/preprocess"
	"howdah/train"
)

// leastJob is the shortest job file; what it resolves to is the defaults.
const leastJob = "name: least\ndata: {path: data}\ncolumns: {label: {role: label}}\n"

// Reference returns docs/reference.md: every key of a job file with its type, its default and what it does, and every kind
// of preprocessing, selection, model, loss, optimiser and metric.
func Reference() []byte {
	least, err := Load("least.yaml", []byte(leastJob))
	if err != nil {
		panic("jobs: the shortest job file does not load: " + err.Error())
	}
	r := &reference{least: least}
	r.p("# Reference of the job file")
	r.p("")
	r.p("Made from the program itself; `go test ./jobs -update` rewrites it. `howdah schema` prints the same for editors, and")
	r.p("`howdah explain JOB.yaml` a job with every default and the origin of every value.")
	r.p("")
	r.p("A job file is YAML, and strict: an unknown key, a duplicate key or a wrong type is a mistake, told with its place. A name, data and")
	r.p("a label are a complete job:")
	r.p("")
	r.p("```yaml")
	r.p("name: late-flights")
	r.p("data: {path: testdata/flights, where: arr_delay != nil}")
	r.p("columns: {late: {role: label, expr: arr_delay > 15}}")
	r.p("```")
	r.p("")
	r.p("Anything can be overridden on the command line: `--set train.epochs=5`. Durations are written `90s`, `15m`, `3h` or `60d`; sizes")
	r.p("`128MiB` or `2GB`. Where a section has a `type`, the type alone may stand for the section: `model: mlp`. More examples are in")
	r.p("jobs/examples; expressions (`where`, `expr`) are described in [expressions.md](expressions.md).")
	r.p("")
	r.section(reflect.TypeFor[Spec](), "", 2)
	r.kinds()
	r.selection()
	r.models()
	r.metrics()
	return r.b.Bytes()
}

type reference struct {
	b     bytes.Buffer
	least *Job
}

func (r *reference) p(format string, args ...any) { fmt.Fprintf(&r.b, format+"\n", args...) }

// cell makes text fit for a cell of a table.
func cell(s string) string { return strings.ReplaceAll(oneLine(s), "|", `\|`) }

// section writes the table of a struct's keys, and then the sections of those that are structs themselves.
func (r *reference) section(t reflect.Type, path string, level int) {
	title := "Keys"
	if path != "" {
		title = "`" + path + "`"
	}
	r.p("%s %s", strings.Repeat("#", level), title)
	r.p("")
	r.p("| Key | Value | Default | |")
	r.p("|---|---|---|---|")
	type below struct {
		t    reflect.Type
		path string
	}
	var inner []below
	for i := range t.NumField() {
		f := t.Field(i)
		key := f.Tag.Get("yaml")
		if key == "" || key == "-" {
			continue
		}
		at := strictyaml.Join(path, key)
		doc := f.Tag.Get("doc")
		if names := enumsBelow(f.Type, at); names != nil && !slices.ContainsFunc(names, func(n string) bool { return strings.Contains(doc, n) }) {
			doc += "; one of " + strings.Join(names, ", ")
		}
		r.p("| `%s` | %s | %s | %s |", key, valueWords(f.Type), cell(r.defaultOf(f.Type, at)), cell(doc))
		if s, suffix := structBelow(f.Type); s != nil {
			inner = append(inner, below{s, at + suffix})
		}
	}
	r.p("")
	for _, in := range inner {
		r.section(in.t, in.path, min(level+1, 4))
	}
}

// enumsBelow is the names that a key's value, or its items, may have.
func enumsBelow(t reflect.Type, path string) []string {
	switch t.Kind() {
	case reflect.Slice:
		return enums(path + "[]")
	case reflect.Map:
		return enums(path + ".*")
	}
	return enums(path)
}

// structBelow is the struct whose keys are described in a section of their own, and how its path goes on.
func structBelow(t reflect.Type) (s reflect.Type, suffix string) {
	switch t.Kind() {
	case reflect.Pointer:
		return structBelow(t.Elem())
	case reflect.Slice:
		if t == reflect.TypeFor[preprocess.Choices]() {
			return nil, ""
		}
		s, suffix = structBelow(t.Elem())
		return s, "[]" + suffix
	case reflect.Map:
		s, suffix = structBelow(t.Elem())
		return s, ".NAME" + suffix
	case reflect.Struct:
		if t == reflect.TypeFor[preprocess.Choice]() || t == reflect.TypeFor[train.ClassWeights]() {
			return nil, ""
		}
		return t, ""
	}
	return nil, ""
}

// valueWords says what kind of value a key takes.
func valueWords(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return "duration"
	case reflect.TypeFor[preprocess.Choice](), reflect.TypeFor[train.ClassWeights]():
		return "name or mapping"
	case reflect.TypeFor[preprocess.Choices]():
		return "name, mapping or list of them"
	case reflect.TypeFor[preprocess.Selector]():
		return "name, list of names or mapping"
	case reflect.TypeFor[train.ModelConfig](), reflect.TypeFor[train.LossConfig](), reflect.TypeFor[train.OptimizerConfig](), reflect.TypeFor[train.ScheduleConfig]():
		return "type or mapping"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return valueWords(t.Elem())
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return "whole number"
	case reflect.Float64:
		return "number"
	case reflect.Slice:
		switch t.Elem().Kind() {
		case reflect.String:
			return "list of texts"
		case reflect.Int:
			return "list of whole numbers"
		}
		return "list of mappings"
	case reflect.Map:
		if t.Elem().Kind() == reflect.String {
			return "mapping of names to texts"
		}
		return "mapping"
	}
	return "mapping"
}

// defaultOf is the value that the shortest job has at a path.
func (r *reference) defaultOf(t reflect.Type, path string) string {
	if s, _ := structBelow(t); s != nil || strings.ContainsAny(path, "[") || strings.Contains(path, ".NAME") {
		return ""
	}
	v, ok := lookup(reflect.ValueOf(r.least.Spec), path)
	if !ok || r.least.doc.At(path) != nil {
		return ""
	}
	if _, isPlain := v.Interface().(plainer); isPlain || v.IsZero() && !slices.Contains(shownZeros, path) {
		return ""
	}
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	return "`" + yamlFlow(v.Interface()) + "`"
}

// kinds describes the steps of preprocessing, slot by slot.
func (r *reference) kinds() {
	r.p("## Kinds of preprocessing")
	r.p("")
	r.p("The steps of a rule are done in this order, whatever the order in which they are written. Statistics come from training rows alone. A")
	r.p("kind is written by its name, or with its options: `encode: one_hot`, `encode: {vocabulary: {min_count: 5}}`.")
	r.p("")
	r.p("What a rule leaves out follows from the column's type:")
	r.p("")
	r.p("- a number: `missing: median`, `scale: standard`")
	r.p("- a truth value: `missing: most_frequent`, no scaling")
	r.p("- text: `missing: keep` (the empty text is a category), `encode: vocabulary`")
	r.p("- a date or time: the `date_parts` of its type, `encode: one_hot`; with `scale` or `bucketize` it is a number in its own unit")
	r.p("")
	var slot preprocess.Slot
	for _, k := range preprocess.Kinds() {
		if k.Slot == preprocess.SlotParts {
			continue
		}
		if k.Slot != slot {
			slot = k.Slot
			r.p("### `%s`", slot)
			r.p("")
		}
		name := fmt.Sprintf("`%s`", k.Name)
		switch {
		case k.Slot == preprocess.SlotClip:
			name = "`{...}`"
		case k.Short != "":
			name += fmt.Sprintf(", short `{%s: %s}`", k.Name, strings.ToUpper(k.Short))
		}
		r.p("- %s: %s", name, oneLine(k.Doc))
		for _, o := range k.Options {
			def := ""
			if o.Default != "" {
				def = ", default `" + o.Default + "`"
			}
			r.p("  - `%s` (%s%s): %s", o.Name, o.Type, def, oneLine(o.Doc))
		}
		if !r.followedBySame(k) {
			r.p("")
		}
	}
	r.p("### `date_parts`")
	r.p("")
	for _, d := range preprocess.DateParts() {
		r.p("- `%s`: %s", d.Name, oneLine(d.Doc))
	}
	r.p("")
}

// followedBySame reports whether the next kind is of the same slot.
func (r *reference) followedBySame(k preprocess.Doc) bool {
	all := preprocess.Kinds()
	i := slices.IndexFunc(all, func(d preprocess.Doc) bool { return d.Slot == k.Slot && d.Name == k.Name })
	return i+1 < len(all) && all[i+1].Slot == k.Slot
}

// selectionDocs says what each method of selection measures.
var selectionDocs = map[string]string{
	"variance":           "drops features whose variance is at most `min` (of a category: 1 - Σp², the sum over its one-hot columns). scikit-learn's `VarianceThreshold`.",
	"missing_rate":       "drops features of which more than the share `max` is missing.",
	"correlation":        "of each pair of numbers whose |Pearson r| exceeds `max`, drops the one that says less about the label.",
	"mutual_information": "keeps the features that tell most about the label, in nats; numbers are cut into bins. `mutual_info_score`.",
	"chi2":               "keeps those with the greatest χ² of categories (or bins) and classes. Not for a quantity. `chi2`.",
	"anova_f":            "keeps those with the greatest F. `f_classif`, `f_regression`.",
}

func (r *reference) selection() {
	r.p("## Methods of selection")
	r.p("")
	r.p("Rules are applied in order, each to the features that the ones before it left, on values after imputation and clipping and before")
	r.p("scaling. The last three take `keep` (how many stay; below 1: which share) or `threshold`.")
	r.p("")
	for _, m := range preprocess.SelectMethods() {
		r.p("- `%s`: %s", m, selectionDocs[m])
	}
	r.p("")
}

func (r *reference) models() {
	r.p("## Models and losses by the label")
	r.p("")
	r.p("| Label | Model | Loss | Metrics shown |")
	r.p("|---|---|---|---|")
	for _, x := range resolveEach(train.Config{}, r.least.Spec.labelTypes()) {
		r.p("| %s (`%s`) | `%s` | `%s` | %s |", x.label.words, x.label.task, x.config.Model.Type, x.config.Loss.Type, strings.Join(eval.DefaultMetrics(x.label.task), ", "))
	}
	r.p("")
	r.p("These are the defaults. `mlp` takes each of these labels. Optimisers, and the rates they have where none is said:")
	r.p("")
	for _, name := range train.OptimizerTypes {
		c, err := train.Config{Optimizer: train.OptimizerConfig{Type: name}}.Resolve(0)
		if err != nil {
			panic("jobs: " + name + ": " + err.Error())
		}
		var parts []string
		v := reflect.ValueOf(c.Optimizer)
		for i := range v.NumField() {
			if f := v.Field(i); f.Kind() == reflect.Pointer && !f.IsNil() {
				parts = append(parts, fmt.Sprintf("`%s: %s`", v.Type().Field(i).Tag.Get("yaml"), yamlFlow(f.Elem().Interface())))
			}
		}
		r.p("- `%s`: %s", name, strings.Join(parts, ", "))
	}
	r.p("")
}

func (r *reference) metrics() {
	r.p("## Metrics")
	r.p("")
	r.p("All that suit the label are computed; `evaluate.metrics` says which are shown.")
	r.p("")
	r.p("| Metric | Better |")
	r.p("|---|---|")
	for _, m := range eval.MetricNames() {
		better := "less"
		if eval.Maximise(m) {
			better = "more"
		}
		r.p("| `%s` | %s |", m, better)
	}
}
