package jobs

// The job file that InitJob writes.

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	"howdah/internal/table"
)

var identifierRE = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// write writes the job file.
func (g *guesses) write(uri, name string) []byte {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	if name == "" {
		name = nameFrom(g.root)
	}
	p("# A first job for %s", oneLine(uri))
	p("# written after a look at %d rows of %s. Read it before you trust it:", g.rows, g.filesLooked())
	p("#   howdah plan FILE      what would be read and done")
	p("#   howdah run FILE       do it")
	p("# docs/reference.md lists every key; howdah explain FILE shows every default.")
	p("version: 1")
	p("name: %s", yamlScalar(name))
	p("")
	p("data:")
	p("  path: %s", yamlScalar(uri))
	if g.time != nil && g.time.Partition && g.time.Type == table.Date && g.whole {
		p("  # To read the last 60 days of each night's run instead of everything:")
		p("  # path: %s", yamlScalar(strings.TrimSuffix(uri, "/")+"/"+g.time.Name+"={ds}/"))
		p("  # window: {from: -60d, to: 0d}")
	}
	if g.label.nulls > 0 && identifierRE.MatchString(g.label.Name) {
		p("  where: %q  # %s of the rows looked at have no label", g.label.Name+" != nil", percent(g.label.nulls, g.label.rows))
	}
	var names []string
	for _, c := range g.columns {
		if c.name {
			names = append(names, yamlScalar(c.Name)+": string")
		}
	}
	if len(names) > 0 {
		p("  types: {%s}  # beyond 2^53 and sometimes missing: not exact as numbers", strings.Join(names, ", "))
	}
	p("")
	g.writeColumns(p)
	p("")
	g.writeSplit(p)
	p("")
	g.writeFeatures(p)
	p("")
	p("selection:")
	p("  - {method: variance, min: 0}  # drops constant features")
	p("  # - {method: correlation, max: 0.95}  # of two that say the same, drops one")
	p("  # - {method: mutual_information, keep: 0.8}  # keeps the most informative")
	p("")
	g.writeModel(p)
	return []byte(b.String())
}

func (g *guesses) filesLooked() string {
	switch {
	case g.files == 1:
		return "1 file"
	case g.read < g.files:
		return fmt.Sprintf("%d of %d files", g.read, g.files)
	}
	return fmt.Sprintf("%d files", g.files)
}

func (g *guesses) writeColumns(p func(string, ...any)) {
	p("columns:")
	if !g.sure {
		p("  # A GUESS (%s): no column is surely the label. Put the right one here, or say --label.", g.why)
	}
	label := yamlScalar(g.label.Name)
	about := ""
	if g.sure && g.why != "" {
		about = "  # guessed " + g.why
	}
	p("  %s: {role: label, type: %s}%s", label, g.kind, about)
	if len(g.others) > 0 {
		p("  # other candidates: %s", oneLine(strings.Join(g.others, ", ")))
	}
	if g.kind == "regression" && identifierRE.MatchString(g.label.Name) {
		p("  # To predict a yes or no instead, make a label of it:")
		p("  # high: {role: label, expr: %q}", g.label.Name+" > "+yamlNumber(threshold(g.label)))
	}
	if g.id != nil {
		p("  %s: {role: id}  # tells rows apart; the split hangs on it", yamlScalar(g.id.Name))
	}
	if g.time != nil {
		p("  %s: {role: time}", yamlScalar(g.time.Name))
	}
	for _, i := range g.ignored {
		p("  %s: {role: ignore}  # %s", yamlScalar(i.name), i.why)
	}
	p("  # A column that is known only after the fact gives the answer away: give it role: ignore.")
	for _, u := range g.unsupported {
		p("  # %s cannot be read: %s", oneLine(yamlScalar(u.Column)), oneLine(u.Reason))
	}
}

func (g *guesses) writeSplit(p func(string, ...any)) {
	if g.time != nil {
		p("# The oldest rows train, the newest test: the model is measured on days after those it has seen.")
		p("split: {method: time, fractions: {train: 0.8, validation: 0.1, test: 0.1}}")
		return
	}
	p("# By a hash of the row's identity: a row never changes sides. Where rows have a time, give its column role: time and split by")
	p("# method: time, which is closer to life: the model is then measured on rows after those it has seen.")
	p("split: {method: hash, fractions: {train: 0.8, validation: 0.1, test: 0.1}}")
}

func (g *guesses) writeFeatures(p func(string, ...any)) {
	const wide = 60 // columns beyond which a rule for a type is easier to read than their names
	p("features:")
	for _, r := range g.rules {
		p("  # %s", r.about)
		if r.numbers && len(r.names) > wide {
			p("  - columns: {type: number}  # those that no other rule names")
		} else {
			p("  - columns: %s", wrap(r.names, "      "))
		}
		for _, o := range splitOptions(r.options) {
			p("    %s", o)
		}
	}
}

// splitOptions cuts `a: 1, b: {c: 2, d: 3}` at its outer commas.
func splitOptions(s string) []string {
	var out []string
	depth, from := 0, 0
	for i := range len(s) {
		switch s[i] {
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		case ',':
			if depth == 0 {
				out = append(out, strings.TrimSpace(s[from:i]))
				from = i + 1
			}
		}
	}
	return append(out, strings.TrimSpace(s[from:]))
}

// wrap writes a list of names, on several lines where it is long.
func wrap(names []string, indent string) string {
	const width = 100
	var b strings.Builder
	b.WriteByte('[')
	col := len(indent) + 10
	for i, n := range names {
		s := yamlScalar(n)
		if i > 0 {
			b.WriteByte(',')
			if col+len(s) > width {
				b.WriteString("\n" + indent)
				col = len(indent)
			} else {
				b.WriteByte(' ')
			}
		}
		b.WriteString(s)
		col += len(s) + 2
	}
	b.WriteByte(']')
	return b.String()
}

func (g *guesses) writeModel(p func(string, ...any)) {
	switch g.kind {
	case "binary":
		p("model: logistic  # or {type: mlp, hidden: [64, 32], dropout: 0.1}")
		p("loss: binary_cross_entropy")
	case "multiclass":
		p("model: softmax  # or {type: mlp, hidden: [64, 32], dropout: 0.1}")
		p("loss: categorical_cross_entropy")
	default:
		p("model: linear  # or {type: mlp, hidden: [64, 32], dropout: 0.1}")
		p("loss: mse  # or huber, which outliers move less")
	}
	p("optimizer: {type: adam, learning_rate: %s}", map[bool]string{true: "0.01", false: "0.001"}[g.kind == "regression"])
	p("train:")
	p("  epochs: 10")
	p("  batch_size: 256")
	p("  early_stopping: {patience: 2}")
	p("  seed: 1")
}

func percent(n, of int) string { return fmt.Sprintf("%.2g%%", 100*float64(n)/float64(of)) }

// nameFrom makes a job's name of the last directory of a path.
func nameFrom(root string) string {
	base := path.Base(root)
	var b strings.Builder
	for _, r := range base {
		switch {
		case r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_':
			b.WriteRune(r)
		case b.Len() > 0:
			b.WriteByte('-')
		}
	}
	name := strings.Trim(b.String(), "-_")
	if len(name) > 100 {
		name = name[:100]
	}
	if !nameRE.MatchString(name) {
		return "job"
	}
	return name
}
