package shard

import (
	"errors"
	"fmt"

	"howdah/internal/table"
)

// lister cuts a repeated column's levels into rows. A row begins where the repetition level is 0; a version 1 page may
// begin within a row.
type lister struct {
	reps, defs []uint8 // levels decoded ahead, of the current page
	at         int     // the next of them
	started    bool    // a row has begun in this chunk

	offsets []uint32
	valid   table.Bitmap
	out     table.Lists
}

func (l *lister) reset() {
	l.reps, l.defs, l.at, l.started = l.reps[:0], l.defs[:0], 0, false
}

// levelsAhead is how many levels are decoded at once.
const levelsAhead = 1024

// nextLists returns the next n rows of a repeated column.
func (c *column) nextLists(n int) (table.Column, error) {
	t := &c.list
	c.out.reset(c.leaf)
	t.offsets = grown(t.offsets, n+1)
	t.valid = grown(t.valid, (n+63)/64)
	fillBits(t.valid, 0, n, true)
	t.offsets[0] = 0
	rows, nulls := 0, false // rows begun
	for {
		if t.at == len(t.reps) {
			if c.left == 0 {
				err := c.nextPage()
				if errors.Is(err, errNoPage) && rows == n {
					break
				}
				if err != nil {
					return nil, c.short(err, rows)
				}
			}
			if err := c.readLevels(); err != nil {
				return nil, err
			}
		}
		from := t.at // the first level of this run
		elems, present := 0, 0
		base := c.out.n
		full := false
		for ; t.at < len(t.reps); t.at++ {
			rep, def := t.reps[t.at], int(t.defs[t.at])
			if rep == 0 {
				if rows == n {
					full = true
					break
				}
				rows++
				t.started = true
				t.offsets[rows] = uint32(base + elems)
				if def < c.leaf.listDef {
					if def < c.leaf.listDef-1 {
						t.valid.Clear(rows - 1)
						nulls = true
					}
					continue
				}
			} else if rows == 0 || def < c.leaf.listDef {
				return nil, errors.New("repetition levels: an element without its list")
			}
			elems++
			if def == c.leaf.maxDef {
				present++
			}
			t.offsets[rows] = uint32(base + elems)
		}
		if elems > 0 {
			c.elementValidity(t.defs[from:t.at], elems, present)
			if err := c.out.take(&c.vals, elems, present, false); err != nil {
				return nil, err
			}
		}
		if full {
			break
		}
	}
	t.out = table.Lists{Elem: c.out.column(c.out.n), Offsets: t.offsets[:n+1]}
	if nulls {
		t.out.Valid = t.valid[:(n+63)/64]
	}
	return &t.out, nil
}

// readLevels decodes levels ahead.
func (c *column) readLevels() error {
	t := &c.list
	k := min(c.left, levelsAhead)
	t.reps, t.defs, t.at = grown(t.reps[:0], k), grown(t.defs[:0], k), 0
	if err := c.reps.bytes(t.reps); err != nil {
		return fmt.Errorf("repetition levels: %w", err)
	}
	if err := c.defs.bytes(t.defs); err != nil {
		return fmt.Errorf("definition levels: %w", err)
	}
	for i, r := range t.reps {
		if int(r) > c.leaf.maxRep || int(t.defs[i]) > c.leaf.maxDef {
			return fmt.Errorf("levels %d and %d, the highest are %d and %d", r, t.defs[i], c.leaf.maxRep, c.leaf.maxDef)
		}
	}
	if !t.started && t.reps[0] != 0 {
		return errors.New("repetition levels: an element without its list")
	}
	c.left -= k
	return nil
}

// elementValidity notes which of the run's elements have values.
func (c *column) elementValidity(defs []uint8, elems, present int) {
	s := &c.out
	if !s.nulls {
		if present == elems {
			return
		}
		s.nulls = true
		s.bitmap(s.n)
		fillBits(s.valid, 0, s.n, true)
	}
	s.bitmap(s.n + elems)
	i := s.n
	for _, d := range defs {
		if int(d) < c.leaf.listDef {
			continue
		}
		if int(d) == c.leaf.maxDef {
			s.valid.Set(i)
		} else {
			s.valid.Clear(i)
		}
		i++
	}
}
