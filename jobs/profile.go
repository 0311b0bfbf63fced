package jobs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"howdah/internal/sketch"
	"howdah/internal/table"
)

// profile is what the first pass sees of the columns that become features: counts, moments, quantiles, distinct values, of
// the training rows, as they are in the files. It is for people: the report shows it, nothing is decided by it.
type profile struct {
	names []string
	cols  []*sketch.Profile
}

func newProfile(schema table.Schema, columns []string, seed uint64) *profile {
	p := &profile{}
	for _, c := range columns {
		f, ok := schema.Lookup(c)
		if !ok || f.List {
			continue
		}
		p.names = append(p.names, c)
		p.cols = append(p.cols, sketch.NewProfile(seed+uint64(len(p.cols))))
	}
	return p
}

// Update adds a batch.
func (p *profile) Update(b *table.Batch) error {
	for i, n := range p.names {
		c := b.Lookup(n)
		if c == nil {
			return fmt.Errorf("%s: column %q: %w", b.Path, n, table.ErrNoColumn)
		}
		if err := p.cols[i].Update(c); err != nil {
			return fmt.Errorf("%s: column %q: %w", b.Path, n, err)
		}
	}
	return nil
}

// Merge adds what q saw.
func (p *profile) Merge(q *profile) error {
	if !slices.Equal(p.names, q.names) {
		return errors.New("profiles of different columns")
	}
	for i := range p.cols {
		if err := p.cols[i].Merge(q.cols[i]); err != nil {
			return err
		}
	}
	return nil
}

// AppendBinary appends the profile's bytes.
func (p *profile) AppendBinary(b []byte) ([]byte, error) {
	for _, c := range p.cols {
		body, err := c.AppendBinary(nil)
		if err != nil {
			return nil, err
		}
		b = append(binary.AppendUvarint(b, uint64(len(body))), body...)
	}
	return b, nil
}

// UnmarshalBinary reads the bytes of a profile of the same columns.
func (p *profile) UnmarshalBinary(b []byte) error {
	for _, c := range p.cols {
		n, k := binary.Uvarint(b)
		if k <= 0 || n > uint64(len(b)-k) {
			return errors.New("profile: truncated")
		}
		if err := c.UnmarshalBinary(b[k : k+int(n)]); err != nil {
			return err
		}
		b = b[k+int(n):]
	}
	if len(b) > 0 {
		return errors.New("profile: bytes are left over")
	}
	return nil
}
