package jobs

// Explain: the resolved job file, with the origin of every value.

import (
	"fmt"
	"io"
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"howdah/eval"
	"howdah/internal/strictyaml"
	"howdah/train"
)

// Explain writes the resolved job file as YAML: every value, with its origin as a comment behind it (job.yaml:7, --set
// train.epochs, default). What is decided only when the data are seen stands there as a comment. The output is itself a job
// file, and it loads to the same recipe.
func (j *Job) Explain(w io.Writer) error {
	e := &explainer{job: j}
	e.resolved = resolveEach(j.Spec.TrainConfig(), j.Spec.labelTypes())
	e.structure(reflect.ValueOf(j.Spec), "", 0)
	return e.write(w)
}

// plainer is a value that may be written in several forms and knows the one a job file would have.
type plainer interface{ Plain() any }

// line is a line of the output.
type line struct {
	text    string
	comment string // behind it
	remark  bool   // the line is nothing but a comment
}

type explainer struct {
	job      *Job
	resolved []resolution
	lines    []line
	dash     string // what replaces the end of the next line's indentation: the dash of a list's item
}

func (e *explainer) add(depth int, text, comment string) {
	indent := strings.Repeat("  ", depth)
	if e.dash != "" {
		indent = strings.TrimSuffix(indent, "  ") + e.dash
		e.dash = ""
	}
	e.lines = append(e.lines, line{text: indent + text, comment: comment})
}

// shownZeros are the settings whose zero is a value like any other and not the absence of one.
var shownZeros = []string{"split.seed", "train.seed", "optimizer.l1", "optimizer.l2", "data.window.from", "data.window.to"}

// structure writes the fields of a struct.
func (e *explainer) structure(v reflect.Value, path string, depth int) {
	for i := range v.NumField() {
		key := v.Type().Field(i).Tag.Get("yaml")
		if key == "" || key == "-" {
			continue
		}
		at := strictyaml.Join(path, key)
		if at == "data.sources" && e.job.Spec.Data.Path != "" {
			continue // path is short for it; a file has one of the two
		}
		e.field(v.Field(i), key, at, depth)
	}
}

// field writes one key with its value, or says what it will be.
func (e *explainer) field(v reflect.Value, key, at string, depth int) {
	set := !v.IsZero() || slices.Contains(shownZeros, at) || scalarKind(v) && e.job.doc.At(at) != nil
	if !set && v.Kind() != reflect.Struct {
		e.pending(key, at, depth)
		return
	}
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	name := yamlScalar(key)
	if p, ok := v.Interface().(plainer); ok {
		if plain := p.Plain(); !v.IsZero() && !emptyPlain(plain) {
			e.add(depth, name+": "+yamlFlow(plain), e.origins(at))
		}
		return
	}
	if cw, ok := v.Interface().(train.ClassWeights); ok {
		switch {
		case cw.Balanced:
			e.add(depth, name+": balanced", e.origin(at))
		case len(cw.Weights) > 0:
			e.block(reflect.ValueOf(cw.Weights), name, at, depth)
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		e.section(v, name, at, depth)
	case reflect.Map:
		e.block(v, name, at, depth)
	case reflect.Slice:
		e.list(v, name, at, depth)
	default:
		e.add(depth, name+": "+yamlFlow(v.Interface()), e.origin(at))
	}
}

// section writes a struct below its key. Where nothing in it is set, only what will be known later is said.
func (e *explainer) section(v reflect.Value, name, at string, depth int) {
	from := len(e.lines)
	e.add(depth, name+":", "")
	e.structure(v, at, depth+1)
	inside := e.lines[from+1:]
	if slices.ContainsFunc(inside, func(l line) bool { return !l.remark }) {
		return
	}
	if e.job.doc.At(at) != nil {
		e.lines[from] = line{text: e.lines[from].text + " {}", comment: e.origin(at)}
		return
	}
	e.lines = e.lines[:from]
	for _, l := range inside {
		l.text = strings.Repeat("  ", depth) + strings.Replace(strings.TrimLeft(l.text, " "), "# ", "# "+name+".", 1)
		e.lines = append(e.lines, l)
	}
}

func scalarKind(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Struct, reflect.Map, reflect.Slice, reflect.Interface, reflect.Pointer, reflect.String:
		return false
	}
	return true
}

func emptyPlain(p any) bool {
	switch p := p.(type) {
	case nil:
		return true
	case []any:
		return len(p) == 0
	case map[string]any:
		return len(p) == 0
	}
	return false
}

// block writes a mapping, key by key.
func (e *explainer) block(v reflect.Value, name, at string, depth int) {
	if v.Len() == 0 {
		e.add(depth, name+": {}", e.origin(at))
		return
	}
	e.add(depth, name+":", "")
	keys := make([]string, 0, v.Len())
	for _, k := range v.MapKeys() {
		keys = append(keys, k.String())
	}
	slices.Sort(keys)
	for _, k := range keys {
		x := v.MapIndex(reflect.ValueOf(k).Convert(v.Type().Key()))
		if x.Kind() == reflect.Interface {
			if x.IsNil() {
				e.add(depth+1, yamlScalar(k)+": null", e.origin(strictyaml.Join(at, k)))
				continue
			}
			x = x.Elem()
		}
		if c, ok := x.Interface().(Column); ok {
			e.column(c, k, strictyaml.Join(at, k), depth+1)
			continue
		}
		if x.Kind() == reflect.Map && x.Len() > 0 {
			e.block(x, yamlScalar(k), strictyaml.Join(at, k), depth+1)
			continue
		}
		e.add(depth+1, yamlScalar(k)+": "+yamlFlow(x.Interface()), e.origins(strictyaml.Join(at, k)))
	}
}

// column writes a column on one line.
func (e *explainer) column(c Column, name, at string, depth int) {
	var parts []string
	v := reflect.ValueOf(c)
	for i := range v.NumField() {
		if text := v.Field(i).String(); text != "" {
			parts = append(parts, v.Type().Field(i).Tag.Get("yaml")+": "+yamlScalar(text))
		}
	}
	e.add(depth, yamlScalar(name)+": {"+strings.Join(parts, ", ")+"}", e.origins(at))
}

func (e *explainer) list(v reflect.Value, name, at string, depth int) {
	if v.Len() == 0 {
		e.add(depth, name+": []", e.origin(at))
		return
	}
	if v.Index(0).Kind() != reflect.Struct {
		out := make([]any, v.Len())
		for i := range out {
			out[i] = v.Index(i).Interface()
		}
		e.add(depth, name+": "+yamlFlow(out), e.origins(at))
		return
	}
	e.add(depth, name+":", "")
	for i := range v.Len() {
		e.dash = "- "
		e.structure(v.Index(i), fmt.Sprintf("%s[%d]", at, i), depth+2)
		e.dash = ""
	}
}

// pending says what a value that is not set will be, where that is known only with the data.
func (e *explainer) pending(key, at string, depth int) {
	if e.dash != "" {
		return // an item of a list begins with a value
	}
	say := func(text string) {
		e.lines = append(e.lines, line{text: strings.Repeat("  ", depth) + "# " + key + ": " + text, remark: true})
	}
	var values, of []string
	by := func(value, words string) {
		if i := slices.Index(values, value); i >= 0 {
			of[i] += " and " + words
			return
		}
		values, of = append(values, value), append(of, words)
	}
	switch at {
	case "features":
		say("by the types of all columns that have no role; known with the data")
		return
	case "evaluate.metrics":
		for _, t := range e.job.Spec.labelTypes() {
			by("["+strings.Join(eval.DefaultMetrics(t.task), ", ")+"]", t.words)
		}
	default:
		for _, r := range e.resolved {
			v, ok := lookup(reflect.ValueOf(r.config), at)
			if !ok || v.IsZero() {
				continue
			}
			if v.Kind() == reflect.Pointer {
				v = v.Elem()
			}
			by(yamlFlow(v.Interface()), r.label.words)
		}
	}
	for i := range values {
		values[i] += " for " + of[i]
	}
	if len(values) > 0 {
		say(strings.Join(values, ", ") + "; known with the data")
	}
}

// lookup finds the field of a path by the yaml tags.
func lookup(v reflect.Value, path string) (reflect.Value, bool) {
	for key := range strings.SplitSeq(path, ".") {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				return v, false
			}
			v = v.Elem()
		}
		if v.Kind() != reflect.Struct {
			return v, false
		}
		found := false
		for i := range v.NumField() {
			if v.Type().Field(i).Tag.Get("yaml") == key {
				v, found = v.Field(i), true
				break
			}
		}
		if !found {
			return v, false
		}
	}
	return v, true
}

// origin says where a value came from. A type in the short form (`model: mlp`) came from where the form stands.
func (e *explainer) origin(at string) string {
	if n := e.job.doc.At(at); n != nil && n.Kind != strictyaml.Null {
		return n.Origin
	}
	if of, ok := strings.CutSuffix(at, ".type"); ok {
		if n := e.job.doc.At(of); n != nil && n.Kind == strictyaml.Scalar {
			return n.Origin
		}
	}
	return "default"
}

// origins is the origin of a value that is written on one line, with those of what lies inside it.
func (e *explainer) origins(at string) string {
	n := e.job.doc.At(at)
	if n == nil {
		return e.origin(at)
	}
	var all []string
	var walk func(n *strictyaml.Node)
	walk = func(n *strictyaml.Node) {
		if len(n.Items)+len(n.Entries) == 0 && n.Origin != "" && !slices.Contains(all, n.Origin) {
			all = append(all, n.Origin)
		}
		for _, x := range n.Items {
			walk(x)
		}
		for _, x := range n.Entries {
			walk(x.Value)
		}
	}
	walk(n)
	if len(all) == 0 {
		return e.origin(at)
	}
	// Lines of one file are told by the first and the last.
	if first, ok := strings.CutPrefix(all[0], e.job.File+":"); ok && len(all) > 1 {
		last := first
		rest := all[:1]
		for _, o := range all[1:] {
			if l, ok := strings.CutPrefix(o, e.job.File+":"); ok {
				last = l
			} else {
				rest = append(rest, o)
			}
		}
		if last != first {
			rest[0] += "-" + last
		}
		all = rest
	}
	return strings.Join(all, ", ")
}

// write aligns the comments, section by section.
func (e *explainer) write(w io.Writer) error {
	const most = 72
	var b strings.Builder
	for from := 0; from < len(e.lines); {
		to := from + 1
		for to < len(e.lines) {
			top := !strings.HasPrefix(e.lines[to].text, " ")
			if top && (e.lines[to].comment == "" || strings.HasPrefix(e.lines[to-1].text, " ")) {
				break
			}
			to++
		}
		width := 0
		for _, l := range e.lines[from:to] {
			if n := utf8.RuneCountInString(l.text); l.comment != "" && n <= most {
				width = max(width, n)
			}
		}
		for _, l := range e.lines[from:to] {
			b.WriteString(l.text)
			if l.comment != "" {
				b.WriteString(strings.Repeat(" ", max(0, width-utf8.RuneCountInString(l.text))) + "  # " + oneLine(l.comment))
			}
			b.WriteByte('\n')
		}
		from = to
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// yamlFlow writes a value on one line.
func yamlFlow(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return yamlScalar(v)
	case time.Duration:
		return duration(v)
	case float64:
		return yamlNumber(v)
	case []any:
		parts := make([]string, len(v))
		for i, x := range v {
			parts[i] = yamlFlow(x)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case []int:
		parts := make([]string, len(v))
		for i, x := range v {
			parts[i] = strconv.Itoa(x)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		parts := make([]string, 0, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, yamlScalar(k)+": "+yamlFlow(v[k]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return fmt.Sprint(v)
}

var plainRE = regexp.MustCompile(`^([A-Za-z_/](:?[A-Za-z0-9_./=-])*( (:?[A-Za-z0-9_./=-])+)*|[0-9]+[KMGT]i?B)$`)

// yamlScalar writes text, in quotes where it would be read as something else.
func yamlScalar(s string) string {
	switch strings.ToLower(s) {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf", "infinity":
	default:
		if plainRE.MatchString(s) {
			return s
		}
	}
	return strconv.Quote(s)
}

// yamlNumber writes a number so that it is read back as the same one.
func yamlNumber(x float64) string {
	if x == math.Trunc(x) && math.Abs(x) < 1e15 {
		return strconv.FormatFloat(x, 'f', -1, 64)
	}
	if a := math.Abs(x); a >= 1e-6 && a < 1e15 {
		return strconv.FormatFloat(x, 'f', -1, 64)
	}
	s := strconv.FormatFloat(x, 'e', -1, 64)
	if m, exp, ok := strings.Cut(s, "e"); ok && !strings.Contains(m, ".") {
		s = m + ".0e" + exp
	}
	return s
}

// duration writes a duration as a job file has it: in days where it is whole days.
func duration(d time.Duration) string {
	if d%(24*time.Hour) == 0 {
		return days(d)
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
