package strictyaml

import (
	"errors"
	"fmt"
	"howdah/internal/spelling"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Unmarshaler is a value that may be written in several forms (a name, or a mapping). v is a string, int64, float64,
// bool, nil, []any or map[string]any. An error that has the method FieldError is placed at the field it names.
type Unmarshaler interface{ UnmarshalJob(v any) error }

// FieldError is an error about one field below the value that returned it.
type FieldError interface {
	error
	Field() (path, msg string)
}

// Doc is a document under decoding: its tree, its problems, and where each value came from.
type Doc struct {
	File     string
	Root     *Node
	problems Problems
	at       map[string]*Node
	reading  bool // parsing or decoding: problems are about values that cannot be read
}

// Parse reads a document. Its mistakes are collected: see Err.
func Parse(file string, data []byte) *Doc {
	d := &Doc{File: file, at: map[string]*Node{}}
	d.Root = parse(file, data, &d.problems)
	for i := range d.problems {
		d.problems[i].unread = true
	}
	if d.Root != nil && d.Root.Kind != Map {
		d.problems = append(d.problems, Problem{File: file, Line: d.Root.Line, Col: d.Root.Col,
			Msg: "want a mapping (key: value), have " + d.Root.describe()})
		d.Root = nil
	}
	return d
}

// Err returns all problems found so far, in the document's order, or nil.
func (d *Doc) Err() error {
	if len(d.problems) == 0 {
		return nil
	}
	return d.problems.sorted()
}

// Report adds a problem at the place of a path, or of the nearest enclosing value that the document has. What only follows
// from another problem is left out: a value that could not be read is not also missing, and of a value inside which
// something is wrong nothing can be said as a whole.
func (d *Doc) Report(path, msg, hint string) {
	if !d.reading && d.follows(path) {
		return
	}
	p := Problem{File: d.File, Path: path, Msg: msg, Hint: hint, unread: d.reading}
	for q := path; ; q = parent(q) {
		if n := d.at[q]; n != nil && strings.HasPrefix(n.Origin, "--set ") {
			p.File = n.Origin
			break
		} else if n != nil && n.Line > 0 {
			p.Line, p.Col = n.Line, n.Col
			break
		}
		if q == "" {
			break
		}
	}
	for _, have := range d.problems {
		if have.Path == path && have.Line == p.Line && have.Msg == msg {
			return
		}
	}
	d.problems = append(d.problems, p)
}

func (d *Doc) follows(path string) bool {
	for _, p := range d.problems {
		if p.unread && p.Path != "" && (p.Path == path || inside(path, p.Path)) || path != "" && inside(p.Path, path) {
			return true
		}
	}
	return false
}

// inside reports whether a path lies below another.
func inside(path, of string) bool {
	return len(path) > len(of) && strings.HasPrefix(path, of) && (path[len(of)] == '.' || path[len(of)] == '[')
}

func parent(path string) string {
	i := strings.LastIndexAny(path, ".[")
	if i < 0 {
		return ""
	}
	return path[:i]
}

// Origin says where the value of a path came from: "job.yaml:7", "--set", or "default".
func (d *Doc) Origin(path string) string {
	if n := d.at[path]; n != nil {
		return n.Origin
	}
	return "default"
}

// At returns the node of a path, or nil.
func (d *Doc) At(path string) *Node { return d.at[path] }

// Set overrides one value: "train.epochs=5". The value is read as YAML.
func (d *Doc) Set(assignment string) error {
	path, text, ok := strings.Cut(assignment, "=")
	path = strings.TrimSpace(path)
	if !ok || path == "" {
		return fmt.Errorf("--set %s: want path=value, such as --set train.epochs=5", assignment)
	}
	var ps Problems
	v := &Node{Kind: Scalar, Value: ""}
	if strings.TrimSpace(text) != "" {
		v = parse("--set "+path, []byte(text), &ps)
		if len(ps) > 0 {
			return ps
		}
	}
	v.mark("--set " + path)
	if d.Root == nil {
		return nil
	}
	n := d.Root
	steps := splitPath(path)
	for i, s := range steps {
		last := i == len(steps)-1
		if idx, err := strconv.Atoi(s); err == nil && n.Kind == Seq {
			if idx < 0 || idx >= len(n.Items) {
				return fmt.Errorf("--set %s: there is no item %d; the list has %d", path, idx, len(n.Items))
			}
			if last {
				n.Items[idx] = v
			} else {
				n = n.Items[idx]
			}
			continue
		}
		if n.Kind != Map {
			if n.Kind != Null {
				n.Value, n.Items = nil, nil
			}
			n.Kind = Map
		}
		found := -1
		for j, e := range n.Entries {
			if e.Key == s {
				found = j
			}
		}
		if found < 0 {
			n.Entries = append(n.Entries, Entry{Key: s, Value: &Node{Kind: Null, Origin: "--set " + path}})
			found = len(n.Entries) - 1
		}
		if last {
			n.Entries[found].Value = v
		} else {
			n = n.Entries[found].Value
		}
	}
	return nil
}

func (n *Node) mark(origin string) {
	n.Origin, n.Line, n.Col = origin, 0, 0
	for _, x := range n.Items {
		x.mark(origin)
	}
	for _, e := range n.Entries {
		e.Value.mark(origin)
	}
}

func splitPath(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
}

// Decode fills dst, a pointer to a struct whose fields carry `yaml:"name"`. What dst holds before are the defaults.
func (d *Doc) Decode(dst any) {
	if d.Root == nil {
		return
	}
	d.reading = true
	defer func() { d.reading = false }()
	d.decode(d.Root, reflect.ValueOf(dst).Elem(), "")
}

func (d *Doc) wrong(n *Node, path, want string) {
	d.at[path] = n
	d.Report(path, "want "+want+", have "+n.describe(), "")
}

var durationType = reflect.TypeFor[time.Duration]()

func (d *Doc) decode(n *Node, v reflect.Value, path string) {
	d.at[path] = n
	if v.Kind() == reflect.Pointer {
		if n.Kind == Null {
			v.SetZero()
			return
		}
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		d.decode(n, v.Elem(), path)
		return
	}
	if v.CanAddr() {
		if u, ok := v.Addr().Interface().(Unmarshaler); ok {
			d.note(n, path)
			d.placeErrors(path, u.UnmarshalJob(n.Plain()))
			return
		}
	}
	if n.Kind == Null && v.Kind() != reflect.Interface {
		// `key:` with nothing after it keeps the default, as if the key were absent.
		return
	}
	switch v.Kind() {
	case reflect.Interface:
		if p := n.Plain(); p != nil {
			v.Set(reflect.ValueOf(p))
		}
		d.note(n, path)
	case reflect.Struct:
		d.decodeStruct(n, v, path)
	case reflect.Slice:
		if n.Kind != Seq {
			d.wrong(n, path, "a list"+elemName(v.Type()))
			return
		}
		out := reflect.MakeSlice(v.Type(), len(n.Items), len(n.Items))
		for i, x := range n.Items {
			d.decode(x, out.Index(i), fmt.Sprintf("%s[%d]", path, i))
		}
		v.Set(out)
	case reflect.Map:
		if n.Kind != Map {
			d.wrong(n, path, "a mapping (key: value)")
			return
		}
		out := reflect.MakeMap(v.Type())
		for _, e := range n.Entries {
			x := reflect.New(v.Type().Elem()).Elem()
			d.decode(e.Value, x, Join(path, e.Key))
			out.SetMapIndex(reflect.ValueOf(e.Key).Convert(v.Type().Key()), x)
		}
		v.Set(out)
	default:
		d.decodeScalar(n, v, path)
	}
}

func elemName(t reflect.Type) string {
	switch t.Elem().Kind() {
	case reflect.String:
		return " of names"
	case reflect.Float64, reflect.Int, reflect.Int64:
		return " of numbers"
	}
	return ""
}

// note remembers the places of everything below a node that a type reads by itself.
func (d *Doc) note(n *Node, path string) {
	d.at[path] = n
	for i, x := range n.Items {
		d.note(x, fmt.Sprintf("%s[%d]", path, i))
	}
	for _, e := range n.Entries {
		d.note(e.Value, Join(path, e.Key))
	}
}

func (d *Doc) placeErrors(path string, err error) {
	if err == nil {
		return
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range many.Unwrap() {
			d.placeErrors(path, e)
		}
		return
	}
	var fe FieldError
	if errors.As(err, &fe) {
		p, msg := fe.Field()
		if p != "" && !strings.HasPrefix(p, "[") {
			p = "." + p
		}
		at := strings.TrimPrefix(path+p, ".")
		msg, hint := suggest(at, msg)
		d.Report(at, msg, hint)
		return
	}
	d.Report(path, err.Error(), "")
}

var (
	knownRE = regexp.MustCompile(`^(unknown [a-z]+); known here: (.*)$`)
	oneOfRE = regexp.MustCompile(`want one of \[?([A-Za-z0-9_]+(?:(?:, | )[A-Za-z0-9_]+)*)\]?`)
	quoteRE = regexp.MustCompile(`"([^"]*)"`)
)

// suggest looks for the name that was meant in a message that lists the names there are. Packages that know nothing of job
// files list them; this one finds the nearest.
func suggest(path, msg string) (text, hint string) {
	if m := knownRE.FindStringSubmatch(msg); m != nil {
		if near := spelling.Nearest(path[strings.LastIndexAny(path, ".[")+1:], strings.Split(m[2], ", ")); near != "" {
			return m[1], fmt.Sprintf("did you mean %q?", near)
		}
		return m[1], "known here: " + m[2]
	}
	names, have := oneOfRE.FindStringSubmatch(msg), quoteRE.FindStringSubmatch(msg)
	if names != nil && have != nil {
		if near := spelling.Nearest(have[1], strings.Fields(strings.ReplaceAll(names[1], ",", " "))); near != "" {
			return msg, fmt.Sprintf("did you mean %q?", near)
		}
	}
	return msg, ""
}

// ReportErr adds an error of a later check, placed below path where it names a field.
func (d *Doc) ReportErr(path string, err error) { d.placeErrors(path, err) }

func (d *Doc) decodeStruct(n *Node, v reflect.Value, path string) {
	if n.Kind != Map {
		d.wrong(n, path, "a mapping with "+strings.Join(keysOf(v.Type()), ", "))
		return
	}
	for _, e := range n.Entries {
		f, ok := fieldByKey(v, e.Key)
		at := Join(path, e.Key)
		if !ok {
			p := Problem{File: d.File, Line: e.Line, Col: e.Col, Path: at, Msg: "unknown field", unread: true}
			if e.Line == 0 {
				p.File = e.Value.Origin
			}
			if near := spelling.Nearest(e.Key, keysOf(v.Type())); near != "" {
				p.Hint = fmt.Sprintf("did you mean %q?", near)
			} else {
				p.Hint = "known here: " + strings.Join(keysOf(v.Type()), ", ")
			}
			d.problems = append(d.problems, p)
			continue
		}
		d.decode(e.Value, f, at)
	}
}

// key is the name of a struct field in the document; "" for fields that are not part of it.
func key(f reflect.StructField) (name string, inline bool) {
	tag := f.Tag.Get("yaml")
	if tag == "" || tag == "-" {
		return "", false
	}
	name, opts, _ := strings.Cut(tag, ",")
	return name, strings.Contains(opts, "inline")
}

func keysOf(t reflect.Type) []string {
	var out []string
	for i := range t.NumField() {
		name, inline := key(t.Field(i))
		if inline {
			out = append(out, keysOf(t.Field(i).Type)...)
		} else if name != "" {
			out = append(out, name)
		}
	}
	return out
}

func fieldByKey(v reflect.Value, want string) (reflect.Value, bool) {
	for i := range v.NumField() {
		name, inline := key(v.Type().Field(i))
		if inline {
			if f, ok := fieldByKey(v.Field(i), want); ok {
				return f, true
			}
		} else if name == want && name != "" {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

func (d *Doc) decodeScalar(n *Node, v reflect.Value, path string) {
	if n.Kind != Scalar {
		d.wrong(n, path, typeName(v.Type()))
		return
	}
	if v.Type() == durationType {
		s, ok := n.Value.(string)
		dur, err := ParseDuration(s)
		if !ok || err != nil {
			d.wrong(n, path, "a duration such as 90s, 15m, 3h or 60d")
			return
		}
		v.SetInt(int64(dur))
		return
	}
	switch v.Kind() {
	case reflect.String:
		switch x := n.Value.(type) {
		case string:
			v.SetString(x)
		default:
			d.wrong(n, path, "text (put it in quotes)")
		}
	case reflect.Bool:
		x, ok := n.Value.(bool)
		if !ok {
			d.wrong(n, path, "true or false")
			return
		}
		v.SetBool(x)
	case reflect.Int, reflect.Int64, reflect.Int32:
		x, ok := integer(n.Value)
		if !ok || v.OverflowInt(x) {
			d.wrong(n, path, "a whole number")
			return
		}
		v.SetInt(x)
	case reflect.Uint64, reflect.Uint32, reflect.Uint:
		x, ok := integer(n.Value)
		if !ok || x < 0 || v.OverflowUint(uint64(x)) {
			d.wrong(n, path, "a whole number, not negative")
			return
		}
		v.SetUint(uint64(x))
	case reflect.Float64, reflect.Float32:
		switch x := n.Value.(type) {
		case int64:
			v.SetFloat(float64(x))
		case float64:
			if math.IsNaN(x) || math.IsInf(x, 0) {
				d.wrong(n, path, "a finite number")
				return
			}
			v.SetFloat(x)
		default:
			d.wrong(n, path, "a number")
		}
	default:
		panic("strictyaml: " + path + " has a field of type " + v.Type().String())
	}
}

func integer(v any) (int64, bool) {
	switch x := v.(type) {
	case int64:
		return x, true
	case float64:
		if x == math.Trunc(x) && math.Abs(x) < 1<<53 {
			return int64(x), true
		}
	}
	return 0, false
}

func typeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Float64, reflect.Float32:
		return "a number"
	}
	if t == durationType {
		return "a duration such as 90s or 60d"
	}
	return "a whole number"
}

// ParseDuration reads Go's durations and whole days (60d, -1d).
func ParseDuration(s string) (time.Duration, error) {
	if num, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.Atoi(num)
		if err != nil || n < -100_000 || n > 100_000 {
			return 0, fmt.Errorf("%q is not a number of days", s)
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	return time.ParseDuration(s)
}
