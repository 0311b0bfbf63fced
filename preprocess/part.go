package preprocess

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"howdah/internal/table"
)

// Part is what one wave has seen of some training rows: a mapper fills it, the driver merges parts along the engine's fixed
// tree and fits. It belongs to one goroutine.
type Part struct {
	plan     *Plan
	state    *State
	wave     int
	rows     int64
	base     []baseCount // by feature; first wave only
	sketches []any       // by group of the wave
	sel      *SelectPart
	scratch  *partScratch
	packed   []byte // instead of base, sketches and sel, while the part waits
}

// baseCount is what the first wave counts of every feature.
type baseCount struct{ missing, infinite int64 }

// partScratch is the memory of Update.
type partScratch struct {
	values    *Values
	known     []lookup
	cols      []table.Column
	selection *Selection
	numbers   [][]float64 // selection's block, by numeric feature
	codes     [][]int32
	numAt     []int // by feature: index into numbers, codes; -1 where it has none
	codeAt    []int
	busy      []bool // features that have something to do in this wave
	last      []int  // index of the step before which the feature's work ends
}

// NewPart returns an empty part of a wave. The state must have been fitted by the waves before it.
func (p *Plan) NewPart(wave int, s *State) (*Part, error) {
	if s == nil {
		s = p.NewState()
	}
	if s.plan != p.hash {
		return nil, errors.New("preprocessing state of another plan")
	}
	if wave < 0 || wave >= p.waves || s.waves < wave {
		return nil, fmt.Errorf("wave %d of %d needs a state fitted by the waves before it, this one has %d", wave, p.waves, s.waves)
	}
	part := &Part{plan: p, state: s, wave: wave}
	if wave == 0 {
		part.base = make([]baseCount, len(p.features))
	}
	for i, f := range p.features {
		for _, g := range f.groups {
			if g.wave == wave {
				sk := g.learner.newSketch(g.seed)
				if g.pass > 0 && s.feats[i].dropped == "" {
					if s.feats[i].known[g.step] == nil {
						return nil, fmt.Errorf("feature %q: wave %d needs what the one before it found", f.name, wave)
					}
					sk = g.learner.resume(s.feats[i].known[g.step])
				}
				part.sketches = append(part.sketches, sk)
			}
		}
	}
	if wave == p.selAt {
		sel, _, err := p.selection(s)
		if err != nil {
			return nil, err
		}
		part.sel = sel.NewPart()
	}
	return part, nil
}

func (p *Part) prepare() error {
	plan := p.plan
	n := len(plan.features)
	sc := &partScratch{
		values: newValues(), known: make([]lookup, n), cols: make([]table.Column, n),
		numAt: make([]int, n), codeAt: make([]int, n), busy: make([]bool, n), last: make([]int, n),
	}
	if p.wave == plan.selAt {
		sel, _, err := plan.selection(p.state)
		if err != nil {
			return err
		}
		sc.selection = sel
	}
	for i, f := range plan.features {
		sc.numAt[i], sc.codeAt[i] = -1, -1
		if p.state.feats[i].dropped != "" {
			continue
		}
		if p.wave == 0 {
			sc.busy[i], sc.last[i] = true, f.rawAt
		}
		for _, g := range f.groups {
			if g.wave == p.wave {
				sc.busy[i], sc.last[i] = true, max(sc.last[i], g.at)
			}
		}
		if p.wave == plan.selAt {
			sc.busy[i], sc.last[i] = true, max(sc.last[i], f.selAt)
			if f.selType == Numbers {
				sc.numAt[i] = len(sc.numbers)
				sc.numbers = append(sc.numbers, make([]float64, blockRows))
			} else {
				sc.codeAt[i] = len(sc.codes)
				sc.codes = append(sc.codes, make([]int32, blockRows))
			}
		}
	}
	p.scratch = sc
	return nil
}

// Rows is the number of rows seen.
func (p *Part) Rows() int64 { return p.rows }

// Update adds the rows of b, all of which must be training rows. y is their target (class or quantity), used only in the
// wave of the selection. After an error the part must not be used.
func (p *Part) Update(b *table.Batch, y []float64) error {
	if err := p.unpack(); err != nil {
		return err
	}
	if p.scratch == nil {
		if err := p.prepare(); err != nil {
			return err
		}
	}
	sc := p.scratch
	if sc.selection != nil && len(y) != b.Rows {
		return fmt.Errorf("selection: the batch has %d rows, the label %d", b.Rows, len(y))
	}
	for i, f := range p.plan.features {
		if !sc.busy[i] {
			continue
		}
		c, err := f.src.find(b)
		if err != nil {
			return err
		}
		sc.cols[i] = c
	}
	for lo := 0; lo < b.Rows; lo += blockRows {
		n := min(blockRows, b.Rows-lo)
		for i, f := range p.plan.features {
			if sc.busy[i] {
				if err := p.updateFeature(i, f, b, lo, n); err != nil {
					return err
				}
			}
		}
		if sc.selection != nil {
			if err := p.updateSelection(y[lo : lo+n]); err != nil {
				return fmt.Errorf("%s: row group %d, rows from %d: %w", b.Shard, b.RowGroup, b.Row+int64(lo), err)
			}
		}
	}
	p.rows += int64(b.Rows)
	return nil
}

func (p *Part) updateFeature(i int, f *feature, b *table.Batch, lo, n int) error {
	sc, v := p.scratch, p.scratch.values
	if err := f.src.load(v, b, sc.cols[i], lo, n, &sc.known[i]); err != nil {
		return err
	}
	fitted := p.state.feats[i].steps
	for k := 0; ; k++ {
		if p.wave == 0 && k == f.countAt {
			p.base[i].count(v)
		}
		for _, g := range f.groups {
			if g.wave == p.wave && g.at == k {
				g.learner.update(p.sketches[g.index], v)
			}
		}
		if k == f.selAt && sc.selection != nil {
			if at := sc.numAt[i]; at >= 0 {
				copy(sc.numbers[at], v.Num[:n])
			} else {
				copyCodes(sc.codes[sc.codeAt[i]], v)
			}
		}
		if k >= sc.last[i] || k >= len(f.steps) {
			return nil
		}
		if fitted[k] == nil {
			return fmt.Errorf("feature %q: step %s is not fitted yet", f.name, f.steps[k].kind)
		}
		fitted[k].Apply(v)
	}
}

func copyCodes(dst []int32, v *Values) {
	if v.Type != Signs {
		copy(dst, v.Code[:v.N])
		return
	}
	for i, c := range v.Code[:v.N] {
		dst[i] = max(c, ^c)
	}
}

func (p *Part) updateSelection(y []float64) error {
	sc := p.scratch
	for i := range sc.numbers {
		sc.numbers[i] = sc.numbers[i][:len(y)]
	}
	for i := range sc.codes {
		sc.codes[i] = sc.codes[i][:len(y)]
	}
	err := sc.selection.Update(p.sel, sc.numbers, sc.codes, y)
	for i := range sc.numbers {
		sc.numbers[i] = sc.numbers[i][:blockRows]
	}
	for i := range sc.codes {
		sc.codes[i] = sc.codes[i][:blockRows]
	}
	return err
}

func (c *baseCount) count(v *Values) {
	switch v.Type {
	case Numbers:
		for _, x := range v.Num[:v.N] {
			if x-x != 0 {
				if x != x {
					c.missing++
				} else {
					c.infinite++
				}
			}
		}
	default:
		for i := range v.N {
			if v.missing(i) {
				c.missing++
			}
		}
	}
}

// Merge adds what q has seen, in the order of the rows: p's before q's. An empty part changes no bit. q must not be used
// afterwards.
func (p *Part) Merge(q *Part) error {
	if p.plan.hash != q.plan.hash || p.wave != q.wave {
		return errors.New("parts of different plans or waves cannot be merged")
	}
	switch {
	case q.rows == 0:
		return nil
	case p.rows == 0:
		p.rows, p.base, p.sketches, p.sel, p.packed = q.rows, q.base, q.sketches, q.sel, q.packed
		return nil
	}
	if err := errors.Join(p.unpack(), q.unpack()); err != nil {
		return err
	}
	p.rows += q.rows
	for i := range p.base {
		p.base[i].missing += q.base[i].missing
		p.base[i].infinite += q.base[i].infinite
	}
	for _, f := range p.plan.features {
		for _, g := range f.groups {
			if g.wave != p.wave {
				continue
			}
			if err := g.learner.merge(p.sketches[g.index], q.sketches[g.index]); err != nil {
				return fmt.Errorf("feature %q: %w", f.name, err)
			}
		}
	}
	if p.sel != nil {
		return p.sel.Merge(q.sel)
	}
	return nil
}

// Compact reduces the part to its bytes until it is used again: call it when a unit is done, since parts wait for one another
// before they are merged.
func (p *Part) Compact() error {
	if p.packed != nil {
		return nil
	}
	b, err := p.AppendBinary(nil)
	if err != nil {
		return err
	}
	p.packed, p.base, p.sketches, p.sel, p.scratch = b, nil, nil, nil, nil
	return nil
}

func (p *Part) unpack() error {
	if p.packed == nil {
		return nil
	}
	fresh, err := p.plan.NewPart(p.wave, p.state)
	if err != nil {
		return err
	}
	if err := fresh.UnmarshalBinary(p.packed); err != nil {
		return err
	}
	*p = *fresh
	return nil
}

const partVersion = 1

// AppendBinary appends the part's bytes.
func (p *Part) AppendBinary(b []byte) ([]byte, error) {
	if p.packed != nil {
		return append(b, p.packed...), nil
	}
	b = append(b, partVersion, byte(p.wave))
	b = append(b, p.plan.hash[:16]...)
	b = binary.AppendUvarint(b, uint64(p.rows))
	for _, c := range p.base {
		b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(c.missing)), uint64(c.infinite))
	}
	var inner []byte
	put := func(s []byte, err error) error {
		inner = s
		b = binary.AppendUvarint(b, uint64(len(inner)))
		b = append(b, inner...)
		return err
	}
	for _, f := range p.plan.features {
		for _, g := range f.groups {
			if g.wave != p.wave {
				continue
			}
			if err := put(g.learner.appendSketch(inner[:0], p.sketches[g.index])); err != nil {
				return nil, fmt.Errorf("feature %q: %w", f.name, err)
			}
		}
	}
	if p.sel != nil {
		if err := put(p.sel.AppendBinary(inner[:0])); err != nil {
			return nil, err
		}
	}
	return b, nil
}

var errDamagedPart = errors.New("damaged part of a preprocessing wave")

// UnmarshalBinary reads what AppendBinary wrote into a part that NewPart made for the same plan, wave and state.
func (p *Part) UnmarshalBinary(b []byte) error {
	if err := p.unpack(); err != nil {
		return err
	}
	if len(b) < 18 {
		return errDamagedPart
	}
	if b[0] != partVersion {
		return fmt.Errorf("part of version %d, want %d", b[0], partVersion)
	}
	if int(b[1]) != p.wave || string(b[2:18]) != p.plan.hash[:16] {
		return errors.New("part of another plan or wave")
	}
	b = b[18:]
	ok := true
	next := func() uint64 {
		x, n := binary.Uvarint(b)
		if n <= 0 || x > math.MaxInt64/4 {
			ok = false
			return 0
		}
		b = b[n:]
		return x
	}
	bytes := func() []byte {
		n := next()
		if !ok || n > uint64(len(b)) {
			ok = false
			return nil
		}
		s := b[:n:n]
		b = b[n:]
		return s
	}
	rows := int64(next())
	base := make([]baseCount, len(p.base))
	for i := range base {
		base[i] = baseCount{int64(next()), int64(next())}
	}
	sketches := make([]any, len(p.sketches))
	for _, f := range p.plan.features {
		for _, g := range f.groups {
			if g.wave != p.wave {
				continue
			}
			s := bytes()
			if !ok {
				return errDamagedPart
			}
			var err error
			if sketches[g.index], err = g.learner.readSketch(g.seed, s); err != nil {
				return fmt.Errorf("feature %q: %w", f.name, err)
			}
		}
	}
	if p.sel != nil {
		s := bytes()
		if !ok {
			return errDamagedPart
		}
		if err := p.sel.UnmarshalBinary(s); err != nil {
			return err
		}
	}
	if !ok || len(b) > 0 {
		return errDamagedPart
	}
	p.rows, p.base, p.sketches = rows, base, sketches
	return nil
}
