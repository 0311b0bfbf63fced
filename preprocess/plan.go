package preprocess

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"howdah/internal/table"
)

// Options are what a plan needs besides the rules.
type Options struct {
	Seed      uint64       // of the sketches' coins; never of the training
	Selection []SelectRule // filters over the features; empty keeps all
}

// Plan is a job's preprocessing compiled for a schema: which columns are read, what is done to each, in how many waves it is
// fitted. It holds nothing that was learnt. It is immutable and safe for concurrent use.
type Plan struct {
	features []*feature
	unused   []ColumnPlan
	waves    int
	selAt    int // wave of the selection, -1 without one
	opts     Options
	drops    []dropper // columns whose missing values drop the row
	hash     string
}

// dropper is a column whose missing values drop the row.
type dropper struct {
	source
	infinite bool // infinities are missing
}

// feature is one chain of steps over one column: the unit of selection.
type feature struct {
	name    string
	src     source
	steps   []*step
	countAt int // index of the step before which missing and infinite values are counted
	rawAt   int // index of the step before which raw sketches are filled
	selAt   int // index of the step before which selection looks: after encoding, before scaling
	out     ValueType
	selType ValueType
	groups  []*group
	dim     int // of the embedding, 0 without one
	rule    int // index of its rule, -1 for a default
	named   bool
	missing string // the kind chosen for missing values
	anyInf  bool   // infinities in training rows are fine
	bins    *group // raw quantiles for selection's bins
	ready   int    // the wave after which the steps before selAt are fitted
}

// step is a step of a chain: fixed by its options, or learnt in a wave.
type step struct {
	slot    Slot
	kind    string
	learner learner  // nil for a step of the engine's own
	fixed   Fitted   // nil where data must be seen
	wave    int      // in which it is fitted; -1 where it is fixed
	groups  []*group // its sketch, one for each pass it takes
	path    string   // of the choice below its rule
}

// group is a sketch that one or several steps of a feature share.
type group struct {
	wave    int
	at      int // index of the step before which it is filled
	learner learner
	seed    uint64
	index   int // among the sketches of its wave
	pass    int // of the steps that take several over the same values
	step    int // the step that the later passes belong to
}

// ColumnPlan says in words what is done to a column.
type ColumnPlan struct {
	Column  string   `json:"column"`
	Type    string   `json:"type"`
	Feature string   `json:"feature,omitempty"` // "" for a column that is not used
	Steps   []string `json:"steps,omitempty"`
	Output  string   `json:"output,omitempty"` // dense, code, embedding
	Waves   int      `json:"waves,omitempty"`
	Unused  string   `json:"unused,omitempty"` // why
}

func (c ColumnPlan) String() string {
	if c.Feature == "" {
		return fmt.Sprintf("%s (%s): not used: %s", c.Column, c.Type, c.Unused)
	}
	return fmt.Sprintf("%s (%s): %s -> %s", c.Feature, c.Type, strings.Join(c.Steps, ", "), c.Output)
}

// Columns lists the columns that fitting and applying read, in schema order.
func (p *Plan) Columns() []string {
	var out []string
	for _, f := range p.features {
		if !slices.Contains(out, f.src.field.Name) {
			out = append(out, f.src.field.Name)
		}
	}
	return out
}

// Features lists the features by name, in order.
func (p *Plan) Features() []string {
	out := make([]string, len(p.features))
	for i, f := range p.features {
		out[i] = f.name
	}
	return out
}

// Waves is the number of passes that fitting takes; they are numbered from 0.
func (p *Plan) Waves() int { return p.waves }

// SelectionWave is the wave that also scores features for selection, and so needs the target; -1 without selection.
func (p *Plan) SelectionWave() int { return p.selAt }

// Hash identifies the plan: equal plans on equal rows fit equal states.
func (p *Plan) Hash() string { return p.hash }

// Describe says what is done to each column, used ones first.
func (p *Plan) Describe() []ColumnPlan {
	out := make([]ColumnPlan, 0, len(p.features)+len(p.unused))
	for _, f := range p.features {
		c := ColumnPlan{Column: f.src.field.Name, Type: f.src.field.Type.String(), Feature: f.name}
		for _, s := range f.steps {
			c.Steps = append(c.Steps, s.describe())
			c.Waves = max(c.Waves, s.wave+1)
		}
		switch {
		case f.dim > 0:
			c.Output = fmt.Sprintf("embedding of %d", f.dim)
		case f.out == Codes:
			c.Output = "code"
		case f.out == Signs:
			c.Output = "dense (signed)"
		default:
			c.Output = "dense"
		}
		out = append(out, c)
	}
	return append(out, p.unused...)
}

func (s *step) describe() string {
	if s.fixed != nil {
		return s.fixed.String()
	}
	if d, ok := s.learner.options().(fmt.Stringer); ok {
		return d.String()
	}
	return s.kind
}

// DropColumns lists the columns whose missing values drop a row.
func (p *Plan) DropColumns() []string {
	out := make([]string, len(p.drops))
	for i := range p.drops {
		out[i] = p.drops[i].field.Name
	}
	return out
}

// DropRows sets drop[i] where row i misses a value that its rule says drops the row, leaves the others as they are, and
// returns how many it set. It defines the data of training and evaluation; scoring drops nothing.
func (p *Plan) DropRows(b *table.Batch, drop []bool) (int, error) {
	n := 0
	for k := range p.drops {
		s := &p.drops[k]
		c, err := s.find(b)
		if err != nil {
			return n, err
		}
		for i := range b.Rows {
			if !drop[i] && s.lacks(c, i) {
				drop[i] = true
				n++
			}
		}
	}
	return n, nil
}

// lacks reports whether the value of row i is missing: null, NaN, empty, not a time, or infinite where that is missing.
func (s *dropper) lacks(c table.Column, i int) bool {
	if c.IsNull(i) {
		return true
	}
	switch c := c.(type) {
	case *table.Float64s:
		return s.hole(c.Values[i])
	case *table.Float32s:
		return s.hole(float64(c.Values[i]))
	case *table.Int64s:
		return s.field.Type.Temporal() && c.Values[i] == NoInt
	case *table.Strings:
		return c.Offsets[i] == c.Offsets[i+1]
	case *table.Coded:
		e := c.Codes[i]
		return c.Dict.Offsets[e] == c.Dict.Offsets[e+1]
	}
	return false
}

func (s *dropper) hole(x float64) bool { return x != x || s.infinite && x-x != 0 }

// finish numbers the waves and sketches and takes the plan's hash.
func (p *Plan) finish() {
	p.selAt = -1
	if len(p.opts.Selection) > 0 {
		p.selAt = 1
	}
	p.waves = max(1, p.selAt+1)
	h := sha256.New()
	fmt.Fprintf(h, "preprocess plan 1 seed %d\n", p.opts.Seed)
	for _, r := range p.opts.Selection {
		fmt.Fprintf(h, "select %s\n", mustJSON(r))
	}
	count := map[int]int{}
	for i, f := range p.features {
		fmt.Fprintf(h, "feature %q %s flow %d dim %d missing %s inf %t\n", f.name, mustJSON(f.src.field), f.src.flow, f.dim, f.missing, f.anyInf)
		last := -1
		for k, s := range f.steps {
			s.wave = -1
			if s.fixed != nil {
				fmt.Fprintf(h, " fixed %s %s %s\n", s.slot, s.kind, mustJSON(s.fixed))
				continue
			}
			at := k
			first := last + 1
			if s.learner.raw() { // but not before the steps that it is told of
				first, at = max(last, 0), f.rawAt
			}
			passes := 1
			if m := s.learner.multi(); m != nil {
				passes = m.passes()
			}
			for pass := range passes {
				s.groups = append(s.groups, f.group(first+pass, at, s.learner, p.opts.Seed, s.kind, pass, k))
			}
			s.wave = first + passes - 1
			last = max(last, s.wave)
			if k < f.selAt {
				f.ready = last
			}
			p.waves = max(p.waves, s.wave+1)
			fmt.Fprintf(h, " step %s %s %s\n", s.slot, s.kind, mustJSON(s.learner.options()))
			if p.selAt >= 0 && k < f.selAt {
				p.selAt = max(p.selAt, s.wave+1)
				p.waves = max(p.waves, p.selAt+1)
			}
		}
		if p.selAt >= 0 && f.selType == Numbers && f.typeAt(f.rawAt) == Numbers {
			f.bins = f.group(f.ready, f.rawAt, binLearner(), p.opts.Seed, "bins", 0, -1)
		}
		for _, g := range f.groups {
			g.index = count[g.wave]
			count[g.wave]++
		}
		p.features[i] = f
	}
	sum := h.Sum(nil)
	p.hash = hex.EncodeToString(sum)
}

// group returns the feature's sketch of that wave, place and type, made where it is not there yet.
func (f *feature) group(wave, at int, l learner, seed uint64, kind string, pass, step int) *group {
	for _, g := range f.groups {
		if g.wave == wave && g.at == at && g.pass == pass && (pass == 0 || g.step == step) && g.learner.sketchKey() == l.sketchKey() {
			return g
		}
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%d\x00%s\x00%d\x00%s", seed, f.name, wave, kind))
	g := &group{wave: wave, at: at, learner: l, seed: binary.LittleEndian.Uint64(sum[:]), pass: pass, step: step}
	f.groups = append(f.groups, g)
	return g
}

// Compile resolves the rules against the schema and checks every chain. With rules nil every column is used that can be
// (DefaultRules). All mistakes are returned, as FieldErrors with paths below the list of rules ("[2].scale").
func Compile(schema table.Schema, rules []Rule, roles Roles, opts Options) (*Plan, error) {
	c := compiler{schema: schema, rules: rules, roles: roles, defaults: rules == nil}
	if c.defaults {
		c.rules = DefaultRules()
	}
	p := &Plan{opts: opts}
	chosen, errs := c.assign()
	seen := map[string]bool{}
	for _, err := range errs {
		seen[err.Error()] = true
	}
	report := func(err error) {
		if !seen[err.Error()] {
			seen[err.Error()] = true
			errs = append(errs, err)
		}
	}
	names := map[string]bool{}
	failed := map[string]bool{} // one error a place: the columns of one rule tend to fail alike
	for i, field := range schema {
		a := chosen[i]
		if a.rule < 0 {
			p.unused = append(p.unused, ColumnPlan{Column: field.Name, Type: describeType(field), Unused: a.why})
			continue
		}
		fs, err := c.compile(a.rule, field, a.named)
		for _, e := range below(fmt.Sprintf("[%d]", a.rule), err) {
			path, _ := e.(*FieldError).Field()
			if !failed[path] {
				failed[path] = true
				report(e)
			}
		}
		if err != nil {
			continue
		}
		for _, f := range fs {
			if names[f.name] {
				report(fieldErrorf(fmt.Sprintf("[%d]", a.rule), "two features are named %q", f.name))
			}
			names[f.name] = true
			p.features = append(p.features, f)
		}
		if len(fs) > 0 && fs[0].missing == "drop_row" {
			p.drops = append(p.drops, dropper{fs[0].src, rules != nil && c.rules[a.rule].Infinite == "missing"})
		}
	}
	if len(p.features) == 0 && len(errs) == 0 {
		errs = append(errs, &FieldError{"", "no column is left to be a feature"})
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	p.finish()
	return p, nil
}
