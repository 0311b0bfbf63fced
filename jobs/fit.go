package jobs

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"howdah/internal/engine"
	"howdah/internal/kernel"
	"howdah/internal/sketch"
	"howdah/internal/strictyaml"
	"howdah/internal/table"
	"howdah/preprocess"
)

// The phases that learn from rows before training: the borders of the split, then the waves of preprocessing. The first
// wave also sees the label and counts the sides, so that most jobs read the data twice before they encode it.

// args is what every pass's outcome depends on, besides its units.
type args struct {
	Recipe string `json:"recipe"`
	Kernel string `json:"kernel"`
	Split  string `json:"split,omitempty"` // hash of the fitted split
	State  string `json:"state,omitempty"` // hash of what earlier waves fitted
	Target string `json:"target,omitempty"`
}

func (r *runner) args() args {
	return args{Recipe: r.job.Spec.RecipeHash(), Kernel: kernel.Class()}
}

func (r *runner) fitSplit(ctx context.Context) error {
	part := r.splitter.NewPart()
	if r.splitter.NeedsFit() {
		scan, err := r.scanFor(false)
		if err != nil {
			return err
		}
		part, err = run(ctx, r, pass{Name: "split", Func: "split/1", Args: r.args()}, r.units, r.splitter.NewPart,
			func(ctx context.Context, w *scratch, u engine.Unit) (*preprocess.SplitPart, error) {
				p := r.splitter.NewPart()
				return p, scan.each(ctx, u, w, func(b rows) error {
					label, err := r.labelOf(b.Batch)
					if err != nil {
						return err
					}
					return r.splitter.Update(p, b.Batch, r.splitIDs(b), label)
				})
			})
		if err != nil {
			return dataError(err)
		}
	}
	var err error
	r.split, err = r.splitter.Fit(part)
	return dataError(err)
}

// firstPart is what the first wave sees of a unit's rows.
type firstPart struct {
	sides  [3]int64
	drop   int64                  // rows that a missing value dropped
	label  *preprocess.TargetPart // of all sides
	trainL *preprocess.TargetPart // of the training rows
	values *sketch.KLL            // their label's numbers: bins for the selection of a regression
	fit    *preprocess.Part       // nil before anything was merged
	stats  *profile
}

func (p *firstPart) Merge(q *firstPart) error {
	for i := range p.sides {
		p.sides[i] += q.sides[i]
	}
	p.drop += q.drop
	return errors.Join(p.label.Merge(q.label), p.trainL.Merge(q.trainL), p.values.Merge(q.values), p.fit.Merge(q.fit), p.stats.Merge(q.stats))
}

func (p *firstPart) AppendBinary(b []byte) ([]byte, error) {
	for _, n := range p.sides {
		b = binary.AppendUvarint(b, uint64(n))
	}
	b = binary.AppendUvarint(b, uint64(p.drop))
	for _, x := range []interface{ AppendBinary([]byte) ([]byte, error) }{p.label, p.trainL, p.values, p.fit, p.stats} {
		body, err := x.AppendBinary(nil)
		if err != nil {
			return nil, err
		}
		b = binary.AppendUvarint(b, uint64(len(body)))
		b = append(b, body...)
	}
	return b, nil
}

func (p *firstPart) UnmarshalBinary(b []byte) error {
	num := func() (uint64, error) {
		n, k := binary.Uvarint(b)
		if k <= 0 {
			return 0, errors.New("first pass: truncated")
		}
		b = b[k:]
		return n, nil
	}
	for i := range p.sides {
		n, err := num()
		if err != nil {
			return err
		}
		p.sides[i] = int64(n)
	}
	n, err := num()
	if err != nil {
		return err
	}
	p.drop = int64(n)
	for _, x := range []interface{ UnmarshalBinary([]byte) error }{p.label, p.trainL, p.values, p.fit, p.stats} {
		n, err := num()
		if err != nil {
			return err
		}
		if n > uint64(len(b)) {
			return errors.New("first pass: truncated")
		}
		if err := x.UnmarshalBinary(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	if len(b) > 0 {
		return errors.New("first pass: bytes are left over")
	}
	return nil
}

// sides assigns a batch's rows and returns the indices of those of each side, without rows that preprocessing drops.
func (r *runner) sides(b rows, w *sideScratch) error {
	label, err := r.labelOf(b.Batch)
	if err != nil {
		return err
	}
	w.side = grow(w.side, b.Rows)
	if err := r.split.Assign(b.Batch, r.splitIDs(b), label, w.side); err != nil {
		return err
	}
	w.drop = grow(w.drop, b.Rows)
	clear(w.drop)
	w.dropped, err = r.plan.DropRows(b.Batch, w.drop)
	if err != nil {
		return err
	}
	for s := range w.rows {
		w.rows[s] = w.rows[s][:0]
	}
	for i, s := range w.side {
		if !w.drop[i] {
			w.rows[s] = append(w.rows[s], int32(i))
		}
	}
	return nil
}

type sideScratch struct {
	side    []uint8
	drop    []bool
	dropped int
	rows    [3][]int32
}

// trainRows returns the training rows of a batch, and their label's column.
func (r *runner) trainRows(b rows, w *sideScratch, a *table.Arena) (*table.Batch, error) {
	if len(w.rows[preprocess.SideTrain]) == b.Rows {
		return b.Batch, nil
	}
	return table.Take(b.Batch, w.rows[preprocess.SideTrain], a), nil
}

// The label of a regression is put into bins for mutual information: quantiles from a sketch of this size.
const (
	labelKLL  = 512
	labelBins = 32
)

// numbersOf returns the finite numbers of a column, nothing of text.
func numbersOf(c table.Column) []float64 {
	var out []float64
	add := func(i int, v float64) {
		if !c.IsNull(i) && !math.IsNaN(v) && !math.IsInf(v, 0) {
			out = append(out, v)
		}
	}
	switch c := c.(type) {
	case *table.Bools:
		for i, v := range c.Values {
			x := 0.0
			if v {
				x = 1
			}
			add(i, x)
		}
	case *table.Int64s:
		for i, v := range c.Values {
			add(i, float64(v))
		}
	case *table.Float32s:
		for i, v := range c.Values {
			add(i, float64(v))
		}
	case *table.Float64s:
		for i, v := range c.Values {
			add(i, v)
		}
	}
	return out
}

func (r *runner) fit(ctx context.Context) error {
	s := &r.job.Spec
	r.state = r.plan.NewState()
	scan, err := r.scanFor(true)
	if err != nil {
		return err
	}
	splitHash, err := appendHash(r.split)
	if err != nil {
		return err
	}
	fresh := func() (*firstPart, error) {
		fit, err := r.plan.NewPart(0, r.state)
		if err != nil {
			return nil, err
		}
		return &firstPart{label: &preprocess.TargetPart{}, trainL: &preprocess.TargetPart{}, values: sketch.NewKLL(labelKLL, s.Split.Seed), fit: fit, stats: newProfile(r.src.schema, r.plan.Columns(), s.Split.Seed)}, nil
	}
	empty, err := fresh()
	if err != nil {
		return err
	}
	a := r.args()
	a.Split = splitHash
	first, err := run(ctx, r, pass{Name: "fit-1", Func: "fit/1 " + r.plan.Hash(), Args: a}, r.units, func() *firstPart { return empty },
		func(ctx context.Context, w *scratch, u engine.Unit) (*firstPart, error) {
			p, err := fresh()
			if err != nil {
				return nil, err
			}
			var side sideScratch
			err = scan.each(ctx, u, w, func(b rows) error {
				label, err := r.labelOf(b.Batch)
				if err != nil {
					return err
				}
				if err := p.label.Update(b.Origin, s.column(RoleLabel), label); err != nil {
					return err
				}
				if err := r.sides(b, &side); err != nil {
					return err
				}
				p.drop += int64(side.dropped)
				for i := range side.rows {
					p.sides[i] += int64(len(side.rows[i]))
				}
				t, err := r.trainRows(b, &side, &w.arena)
				if err != nil || t.Rows == 0 {
					return err
				}
				if label, err = r.labelOf(t); err != nil {
					return err
				}
				if err := p.trainL.Update(t.Origin, s.column(RoleLabel), label); err != nil {
					return err
				}
				p.values.Update(numbersOf(label))
				if err := p.stats.Update(t); err != nil {
					return err
				}
				return p.fit.Update(t, nil)
			})
			p.fit.Compact() // up to 63 parts wait in the tree
			return p, err
		})
	if err != nil {
		return dataError(err)
	}
	r.first = first
	if err := r.settleLabel(); err != nil {
		return err
	}
	if err := r.plan.Fit(r.state, 0, first.fit); err != nil {
		return r.featureError(err)
	}
	for wave := 1; wave < r.plan.Waves(); wave++ {
		if err := r.wave(ctx, scan, wave, splitHash); err != nil {
			return err
		}
	}
	for _, d := range r.plan.Dropped(r.state) {
		r.log.Info("feature left out", "feature", d.Feature, "reason", d.Reason)
	}
	return nil
}

// settleLabel decides what the label is, once all of it has been seen.
func (r *runner) settleLabel() error {
	s := &r.job.Spec
	p := r.first
	if p.label.Rows() == 0 {
		if s.Data.Where != "" {
			return withClass(DataError, fmt.Errorf("data.where: no row of %d is left: %s", r.inputs.Rows, s.Data.Where))
		}
		return withClass(DataError, errors.New("data: no row is left"))
	}
	name := s.column(RoleLabel)
	var err error
	r.target, err = preprocess.Target{Column: name, Type: s.Columns[name].Type, Positive: s.Columns[name].Positive}.Fit(p.label)
	if err != nil {
		return withClass(DataError, fmt.Errorf("label: %w", err))
	}
	if err := r.splitter.CheckSides(p.sides); err != nil {
		return withClass(DataError, err)
	}
	if r.baseline, err = r.target.Baseline(p.trainL); err != nil {
		return withClass(DataError, fmt.Errorf("label: %w", err))
	}
	if _, err := s.TrainConfig().Resolve(len(r.target.Classes())); err != nil {
		r.job.doc.ReportErr("", err)
		return r.job.Err()
	}
	target := preprocess.SelectTarget{Type: r.target.Type(), Classes: len(r.target.Classes())}
	if target.Type == preprocess.Regression {
		shares := make([]float64, labelBins-1)
		for k := range shares {
			shares[k] = float64(k+1) / labelBins
		}
		for _, e := range p.values.Quantiles(shares...) {
			if n := len(target.Edges); n == 0 || e > target.Edges[n-1] {
				target.Edges = append(target.Edges, e)
			}
		}
	}
	r.state.SetTarget(target)
	return nil
}

// featureError places errors of fitting at their rules.
func (r *runner) featureError(err error) error {
	r.job.doc.ReportErr("features", err)
	if e := r.job.Err(); e != nil {
		return withClass(DataError, e)
	}
	return err
}

func (r *runner) wave(ctx context.Context, scan *scan, wave int, splitHash string) error {
	stateHash, err := r.plan.StateHash(r.state)
	if err != nil {
		return err
	}
	targetHash, err := appendHash(r.target)
	if err != nil {
		return err
	}
	a := r.args()
	a.Split, a.State, a.Target = splitHash, stateHash, targetHash
	empty, err := r.plan.NewPart(wave, r.state)
	if err != nil {
		// A method that does not suit the label, whose kind the data decide.
		if placed := strictyaml.FieldError(nil); errors.As(err, &placed) {
			r.job.doc.ReportErr("selection", err)
			return r.job.Err()
		}
		return err
	}
	selecting := wave == r.plan.SelectionWave()
	name := fmt.Sprintf("fit-%d", wave+1)
	part, err := run(ctx, r, pass{Name: name, Func: fmt.Sprintf("wave%d/1 %s", wave, r.plan.Hash()), Args: a}, r.units, func() *preprocess.Part { return empty },
		func(ctx context.Context, w *scratch, u engine.Unit) (*preprocess.Part, error) {
			p, err := r.plan.NewPart(wave, r.state)
			if err != nil {
				return nil, err
			}
			var side sideScratch
			var labels []float32
			var y []float64
			err = scan.each(ctx, u, w, func(b rows) error {
				if err := r.sides(b, &side); err != nil {
					return err
				}
				t, err := r.trainRows(b, &side, &w.arena)
				if err != nil || t.Rows == 0 {
					return err
				}
				if !selecting {
					return p.Update(t, nil)
				}
				label, err := r.labelOf(t)
				if err != nil {
					return err
				}
				labels, y = grow(labels, t.Rows), grow(y, t.Rows)
				if err := r.target.Apply(t.Origin, label, labels); err != nil {
					return err
				}
				for i, v := range labels {
					y[i] = float64(v)
				}
				return p.Update(t, y)
			})
			p.Compact()
			return p, err
		})
	if err != nil {
		return dataError(err)
	}
	if err := r.plan.Fit(r.state, wave, part); err != nil {
		return r.featureError(err)
	}
	return nil
}

func appendHash(x interface{ AppendBinary([]byte) ([]byte, error) }) (string, error) {
	b, err := x.AppendBinary(nil)
	return hashOf(b), err
}
