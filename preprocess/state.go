package preprocess

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// State is what the waves have fitted so far. Plan.Fit adds to it; between waves its bytes travel to the mappers.
type State struct {
	plan   string
	waves  int // fitted
	rows   int64
	target *SelectTarget
	feats  []featureState
	kept   []bool // by selection; nil before or without it
	scores []FeatureScore
}

// featureState is what is known of one feature.
type featureState struct {
	steps    []Fitted // nil where not yet fitted
	missing  int64    // of the training rows
	infinite int64
	dropped  string         // why the feature is not used
	edges    []float64      // inner borders of selection's bins
	known    map[int]*ranks // of the steps that take several passes: what those so far found
}

// NewState is the state before the first wave.
func (p *Plan) NewState() *State {
	s := &State{plan: p.hash, feats: make([]featureState, len(p.features))}
	for i, f := range p.features {
		s.feats[i].steps = make([]Fitted, len(f.steps))
		for k, st := range f.steps {
			s.feats[i].steps[k] = st.fixed
		}
	}
	return s
}

// SetTarget tells the state what the label is, before the wave of the selection.
func (s *State) SetTarget(t SelectTarget) { s.target = &t }

// Waves is the number of waves fitted.
func (s *State) Waves() int { return s.waves }

// Rows is the number of training rows seen by the first wave.
func (s *State) Rows() int64 { return s.rows }

// Scores is what selection found, rule by rule.
func (s *State) Scores() []FeatureScore { return s.scores }

// Dropped is a feature that the model does without, and why.
type Dropped struct {
	Feature string `json:"feature"`
	Reason  string `json:"reason"`
}

// Dropped lists the features that fitting found unusable. What selection dropped is in Scores.
func (p *Plan) Dropped(s *State) []Dropped {
	var out []Dropped
	for i, f := range s.feats {
		if f.dropped != "" {
			out = append(out, Dropped{p.features[i].name, f.dropped})
		}
	}
	return out
}

// Kept lists the features that the model uses: neither found unusable nor dropped by selection.
func (p *Plan) Kept(s *State) []string {
	var out []string
	for i, f := range s.feats {
		if f.dropped == "" && (s.kept == nil || s.kept[i]) {
			out = append(out, p.features[i].name)
		}
	}
	return out
}

type stateJSON struct {
	Version  int            `json:"version"`
	Plan     string         `json:"plan"`
	Waves    int            `json:"waves"`
	Rows     int64          `json:"rows"`
	Target   *SelectTarget  `json:"target,omitempty"`
	Features []featureJSON  `json:"features"`
	Kept     []bool         `json:"kept,omitempty"`
	Scores   []FeatureScore `json:"scores,omitempty"`
}

type featureJSON struct {
	Feature  string         `json:"feature"`
	Missing  int64          `json:"missing,omitempty"`
	Infinite int64          `json:"infinite,omitempty"`
	Dropped  string         `json:"dropped,omitempty"`
	Edges    []float64      `json:"edges,omitempty"`
	Known    map[int]*ranks `json:"known,omitempty"`
	Steps    []*stepJSON    `json:"steps"`
}

const stateVersion = 1

// StateBytes is the state's serial form: JSON, in which every number is exact.
func (p *Plan) StateBytes(s *State) ([]byte, error) {
	if s.plan != p.hash || len(s.feats) != len(p.features) {
		return nil, errors.New("preprocessing state of another plan")
	}
	j := stateJSON{Version: stateVersion, Plan: s.plan, Waves: s.waves, Rows: s.rows, Target: s.target, Kept: s.kept, Scores: s.scores}
	for i, f := range s.feats {
		fj := featureJSON{Feature: p.features[i].name, Missing: f.missing, Infinite: f.infinite, Dropped: f.dropped, Edges: f.edges, Known: f.known}
		for k, fitted := range f.steps {
			st := p.features[i].steps[k]
			if fitted == nil || st.fixed != nil {
				fj.Steps = append(fj.Steps, nil)
				continue
			}
			sj, err := encodeStep(st.slot, st.kind, fitted)
			if err != nil {
				return nil, err
			}
			fj.Steps = append(fj.Steps, sj)
		}
		j.Features = append(j.Features, fj)
	}
	return json.Marshal(j)
}

// StateHash identifies a state by its content.
func (p *Plan) StateHash(s *State) (string, error) {
	b, err := p.StateBytes(s)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

// ReadState reads what StateBytes wrote for the same plan.
func (p *Plan) ReadState(b []byte) (*State, error) {
	var j stateJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return nil, fmt.Errorf("preprocessing state: %w", err)
	}
	switch {
	case j.Version != stateVersion:
		return nil, fmt.Errorf("preprocessing state of version %d, want %d", j.Version, stateVersion)
	case j.Plan != p.hash || len(j.Features) != len(p.features):
		return nil, errors.New("preprocessing state of another plan")
	case j.Waves < 0 || j.Waves > p.waves || j.Kept != nil && len(j.Kept) != len(p.features):
		return nil, errors.New("preprocessing state is damaged")
	}
	s := p.NewState()
	s.waves, s.rows, s.target, s.kept, s.scores = j.Waves, j.Rows, j.Target, j.Kept, j.Scores
	for i, fj := range j.Features {
		f, fs := p.features[i], &s.feats[i]
		if fj.Feature != f.name || len(fj.Steps) != len(f.steps) {
			return nil, errors.New("preprocessing state is damaged")
		}
		fs.missing, fs.infinite, fs.dropped, fs.edges, fs.known = fj.Missing, fj.Infinite, fj.Dropped, fj.Edges, fj.Known
		for k, sj := range fj.Steps {
			if sj == nil {
				continue
			}
			fitted, err := decodeStep(sj)
			if err != nil {
				return nil, fmt.Errorf("preprocessing state: feature %q: %w", f.name, err)
			}
			fs.steps[k] = fitted
		}
	}
	return s, nil
}

// own steps have no slot and are restored by name.
var ownSteps = map[string]func() Fitted{
	"finite":    func() Fitted { return new(finite) },
	"number":    func() Fitted { return new(number) },
	"date_part": func() Fitted { return new(datePart) },
}

func encodeStep(slot Slot, kind string, f Fitted) (*stepJSON, error) {
	b, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("step %s: %w", kind, err)
	}
	return &stepJSON{Slot: slot, Kind: kind, Fit: b}, nil
}

func decodeStep(sj *stepJSON) (Fitted, error) {
	var f Fitted
	if sj.Slot == "" {
		fresh := ownSteps[sj.Kind]
		if fresh == nil {
			return nil, fmt.Errorf("unknown step %q", sj.Kind)
		}
		f = fresh()
	} else {
		k := findKind(sj.Slot, sj.Kind)
		if k == nil {
			return nil, fmt.Errorf("unknown step %s %q; it may come from a later version", sj.Slot, sj.Kind)
		}
		f = k.restore()
	}
	d := json.NewDecoder(bytes.NewReader(sj.Fit))
	d.DisallowUnknownFields()
	if err := d.Decode(f); err != nil {
		return nil, fmt.Errorf("step %s: %w", sj.Kind, err)
	}
	if r, ok := f.(interface{ restored() error }); ok {
		if err := r.restored(); err != nil {
			return nil, fmt.Errorf("step %s: %w", sj.Kind, err)
		}
	}
	return f, nil
}

// Fit turns a wave's merged part into fitted steps and adds them to the state. A feature that a pattern chose, and that has no
// value in any training row or more different values than its step can hold, is left out (Dropped); one that a rule names is
// an error. The errors of all features are returned, as FieldErrors below the list of rules.
func (p *Plan) Fit(s *State, wave int, part *Part) error {
	if s.plan != p.hash {
		return errors.New("preprocessing state of another plan")
	}
	if wave != s.waves || wave >= p.waves {
		return fmt.Errorf("wave %d cannot be fitted after %d of %d", wave, s.waves, p.waves)
	}
	if err := part.unpack(); err != nil {
		return err
	}
	if part.wave != wave {
		return fmt.Errorf("wave %d cannot be fitted from a part of wave %d", wave, part.wave)
	}
	if part.rows == 0 {
		return errors.New("no training row is left to fit the preprocessing on; check where, the split and missing: drop_row")
	}
	if wave == 0 {
		s.rows = part.rows
	} else if part.rows != s.rows {
		return fmt.Errorf("wave %d saw %d training rows, the first wave %d", wave, part.rows, s.rows)
	}
	var errs []error
	for i, f := range p.features {
		fs := &s.feats[i]
		if wave == 0 {
			fs.missing, fs.infinite = part.base[i].missing, part.base[i].infinite
			if fs.infinite > 0 && !f.anyInf {
				errs = append(errs, f.errorf("infinite", "%d of %d training rows are infinite; clip it, or say infinite: missing", fs.infinite, part.rows))
				continue
			}
		}
		if fs.dropped != "" {
			continue
		}
		if err := p.fitFeature(f, fs, wave, part); err != nil {
			var many *tooManyError
			if !f.named && (errors.As(err, &many) || errors.Is(err, errNoValue)) {
				fs.dropped = err.(*stepError).err.Error()
				continue
			}
			errs = append(errs, f.errorf(err.(*stepError).path, "%v", err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if wave == p.selAt {
		if err := p.decide(s, part); err != nil {
			return err
		}
	}
	if len(p.Kept(s)) == 0 {
		return errors.New("no feature is left: every column is unusable")
	}
	s.waves++
	return nil
}

// infiniteMissing is the number of infinite values that count as missing.
func (fs *featureState) infiniteMissing(f *feature) int64 {
	if f.rawAt > f.countAt {
		return fs.infinite
	}
	return 0
}

// tooManyError says that a column has more different values than a step can hold.
type tooManyError struct{ msg string }

func (e *tooManyError) Error() string { return e.msg }

// stepError is a step that could not be fitted.
type stepError struct {
	path string
	err  error
}

func (e *stepError) Error() string { return e.err.Error() }
func (e *stepError) Unwrap() error { return e.err }

// errorf is an error of the feature's data at its rule: a FieldError below the list of rules.
func (f *feature) errorf(path, format string, args ...any) error {
	at := ""
	if f.rule >= 0 {
		if at = fmt.Sprintf("[%d]", f.rule); path != "" {
			at += "." + path
		}
	}
	return fieldErrorf(at, "column %q: %s", f.src.field.Name, fmt.Sprintf(format, args...))
}

func (p *Plan) fitFeature(f *feature, fs *featureState, wave int, part *Part) error {
	for k, st := range f.steps {
		for _, g := range st.groups[:max(len(st.groups)-1, 0)] {
			if g.wave != wave {
				continue
			}
			known, err := part.sketches[g.index].(*Quantiles).exact.next(st.learner.multi().shares())
			if err != nil {
				return &stepError{st.path, err}
			}
			if fs.known == nil {
				fs.known = map[int]*ranks{}
			}
			fs.known[k] = known
		}
		if st.wave != wave {
			continue
		}
		delete(fs.known, k)
		seen := Seen{
			Column: f.src.field.Name, Rows: part.rows, Missing: fs.missing + fs.infiniteMissing(f), Infinite: fs.infinite,
			before: fs.steps[:k], at: f.src.flow,
		}
		if st.learner.raw() {
			seen.before, seen.at = fs.steps[f.rawAt:k], f.typeAt(f.rawAt)
		}
		for _, b := range fs.steps[:k] {
			if r, ok := b.(interface{ fills() *Fill }); ok {
				seen.fill = r.fills()
			}
		}
		fitted, err := st.learner.fit(part.sketches[st.groups[len(st.groups)-1].index], seen)
		if err != nil {
			return &stepError{st.path, err}
		}
		fs.steps[k] = fitted
	}
	if wave == f.ready && f.selAt > 0 {
		if o, ok := fs.steps[f.selAt-1].(*ordinal); ok { // a bin for each category, or for a few neighbours
			for e, every := 1, (o.len()+selectionBins-1)/selectionBins; e < o.len(); e += every {
				fs.edges = append(fs.edges, float64(e))
			}
		}
	}
	if f.bins != nil && wave == f.bins.wave {
		edges, err := binEdges(part.sketches[f.bins.index])
		if err != nil {
			return &stepError{"", err}
		}
		seen := Seen{before: fs.steps[f.rawAt:f.selAt], at: f.typeAt(f.rawAt)}
		for _, e := range edges {
			e = seen.Through(e)
			if e-e == 0 && (len(fs.edges) == 0 || e > fs.edges[len(fs.edges)-1]) {
				fs.edges = append(fs.edges, e)
			}
		}
	}
	return nil
}

// typeAt is the type of the values before step k, for k up to rawAt.
func (f *feature) typeAt(k int) ValueType {
	t := f.src.flow
	for _, s := range f.steps[:k] {
		switch s.kind {
		case "date_part":
			t = Integers
		case "number", "finite":
			t = Numbers
		}
	}
	return t
}

// selection compiles the selection over the features that are still usable; index gives their places in the plan.
func (p *Plan) selection(s *State) (sel *Selection, index []int, err error) {
	if s.target == nil {
		return nil, nil, errors.New("selection needs the label: call SetTarget before its wave")
	}
	var feats []SelectFeature
	for i, f := range p.features {
		fs := &s.feats[i]
		if fs.dropped != "" {
			continue
		}
		sf := SelectFeature{Name: f.name, Missing: float64(fs.missing+fs.infiniteMissing(f)) / math.Max(float64(s.rows), 1), Edges: fs.edges}
		if f.selType != Numbers {
			sized, ok := fs.steps[f.selAt-1].(sized)
			if !ok {
				return nil, nil, fmt.Errorf("feature %q is not fitted yet", f.name)
			}
			sf.Cardinality, _ = sized.size()
		}
		feats = append(feats, sf)
		index = append(index, i)
	}
	sel, err = NewSelection(p.opts.Selection, feats, *s.target)
	return sel, index, err
}

func (p *Plan) decide(s *State, part *Part) error {
	sel, index, err := p.selection(s)
	if err != nil {
		return err
	}
	kept, scores, err := sel.Decide(part.sel)
	if err != nil {
		return err
	}
	s.kept, s.scores = make([]bool, len(p.features)), scores
	for i, k := range kept {
		s.kept[index[i]] = k
	}
	return nil
}

// sized is a fitted step that ends in codes: how many, and what they are called (nil where they have no names).
type sized interface{ size() (int, []string) }
