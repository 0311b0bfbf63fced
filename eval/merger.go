// Merging parts, and the evaluation of all rows.

package eval

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Merger merges parts. It holds about log2(parts) of them, whatever their number. It is not safe for concurrent use.
type Merger struct {
	cfg   Config
	base  Baseline
	stack []merged
}

type merged struct {
	part *Part
	size int
}

// NewMerger returns a merger of no parts.
func NewMerger(cfg Config, base Baseline) *Merger {
	return &Merger{cfg: cfg.withDefaults(), base: base}
}

// Add takes the next part, in the order of the units, and uses it up. Parts merge like the digits of a binary counter:
// the tree depends on their number alone.
func (m *Merger) Add(p *Part) error {
	if p == nil {
		return errors.New("evaluation: a part is missing")
	}
	if p.err != nil {
		return p.err
	}
	p.work = nil
	for i := range p.scores {
		if err := p.scores[i].close(); err != nil {
			return err
		}
	}
	m.stack = append(m.stack, merged{p, 1})
	for n := len(m.stack); n > 1 && m.stack[n-2].size <= m.stack[n-1].size; n-- {
		if err := m.stack[n-2].part.Merge(m.stack[n-1].part); err != nil {
			return err
		}
		m.stack[n-2].size += m.stack[n-1].size
		m.stack = m.stack[:n-1]
	}
	return nil
}

// Finish returns the evaluation of all rows. No rows, or none with weight, is an error.
func (m *Merger) Finish() (*Evaluation, error) {
	p := NewPart(m.cfg, m.base)
	if p.err != nil {
		return nil, p.err
	}
	if len(m.stack) > 0 {
		p = m.stack[len(m.stack)-1].part
		for i := len(m.stack) - 2; i >= 0; i-- {
			q := m.stack[i].part
			if err := q.Merge(p); err != nil {
				return nil, err
			}
			p = q
		}
		m.stack = []merged{{p, 1}}
	}
	return p.finish()
}

// finish computes the evaluation of the part's rows.
func (p *Part) finish() (*Evaluation, error) {
	e := &Evaluation{Task: p.cfg.Task, Classes: p.cfg.Classes, Rows: p.rows, Confidence: p.cfg.Confidence, Metrics: []Metric{}}
	total := make([]float64, p.width)
	for i, x := range p.buckets {
		total[i%p.width] += x
	}
	e.Weight = total[sumWeight]
	if p.rows == 0 {
		return nil, errors.New("evaluation: there are no rows")
	}
	if !(e.Weight > 0) || !finite(e.Weight) {
		return nil, fmt.Errorf("evaluation: the weights of the %d rows add up to %v", p.rows, e.Weight)
	}
	var err error
	switch p.cfg.Task {
	case Binary:
		e.Threshold = p.cfg.Threshold
		err = p.finishBinary(e, total)
	case Multiclass:
		err = p.finishMulticlass(e, total)
	case Regression:
		p.finishRegression(e, total)
	}
	if err != nil {
		return nil, err
	}
	for _, s := range p.scores {
		if s.dropped > 0 {
			e.Notes = append(e.Notes, fmt.Sprintf("there are too many different scores to keep: for AUC and curves they are rounded to %d bits of a float32", 32-s.dropped))
			break
		}
	}
	// An evaluation is a record: a number that JSON does not know must not get there.
	if _, err := json.Marshal(e); err != nil {
		return nil, fmt.Errorf("evaluation: labels, weights or outputs are too large to be summed up: %w", err)
	}
	return e, nil
}
