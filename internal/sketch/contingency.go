package sketch

import (
	"encoding/binary"
	"fmt"

	"howdah/internal/kernel"
)

// Contingency counts rows by class and bin: what mutual information and chi-squared tests of a feature against a label
// are made of. It is exact in any order. The table grows to the largest class and bin seen.
type Contingency struct {
	n [][]int64 // [classes][bins], rows of unequal length
}

// maxCells bounds either side of a table.
const maxCells = 1 << 24

// Add counts n rows of a class and bin. Negative or impossibly large indices are an error.
func (c *Contingency) Add(class, bin int, n int64) error {
	if class < 0 || bin < 0 || class >= maxCells || bin >= maxCells || n < 0 {
		return fmt.Errorf("contingency table: class %d, bin %d, count %d out of range", class, bin, n)
	}
	c.grow(class, bin)
	c.n[class][bin] += n
	return nil
}

func (c *Contingency) grow(class, bin int) {
	if class >= len(c.n) {
		c.n = append(c.n, make([][]int64, class+1-len(c.n))...)
	}
	if row := c.n[class]; bin >= len(row) {
		c.n[class] = append(row, make([]int64, bin+1-len(row))...)
	}
}

// Merge adds what o has seen.
func (c *Contingency) Merge(o *Contingency) error {
	for k, row := range o.n {
		c.grow(k, len(row)-1)
		for b, n := range row {
			c.n[k][b] += n
		}
	}
	return nil
}

// Classes and Bins are the sides of the table.
func (c *Contingency) Classes() int { return len(c.n) }

// Bins is the number of bins.
func (c *Contingency) Bins() int {
	b := 0
	for _, row := range c.n {
		b = max(b, len(row))
	}
	return b
}

// At is the number of rows of a class and bin.
func (c *Contingency) At(class, bin int) int64 {
	if class >= len(c.n) || bin >= len(c.n[class]) {
		return 0
	}
	return c.n[class][bin]
}

// Margins are the counts by class and by bin, and their sum.
func (c *Contingency) Margins() (classes, bins []int64, total int64) {
	classes, bins = make([]int64, c.Classes()), make([]int64, c.Bins())
	for k, row := range c.n {
		for b, n := range row {
			classes[k] += n
			bins[b] += n
			total += n
		}
	}
	return classes, bins, total
}

// MutualInformation between class and bin, in nats: sklearn.metrics.mutual_info_score.
func (c *Contingency) MutualInformation() float64 {
	classes, bins, total := c.Margins()
	t := float64(total)
	var mi float64
	for k, row := range c.n {
		for b, n := range row {
			if n > 0 {
				mi += float64(float64(n) / t * kernel.LogFloat64(float64(n)/float64(classes[k])*(t/float64(bins[b]))))
			}
		}
	}
	return max(mi, 0)
}

// ChiSquared is Pearson's statistic of independence and its degrees of freedom over the classes and bins that have rows:
// scipy.stats.chi2_contingency with correction=False.
func (c *Contingency) ChiSquared() (statistic float64, dof int) {
	classes, bins, total := c.Margins()
	used := func(x []int64) (n int) {
		for _, v := range x {
			if v > 0 {
				n++
			}
		}
		return n
	}
	for k, ck := range classes {
		for b, cb := range bins {
			if ck > 0 && cb > 0 {
				want := float64(float64(ck) * (float64(cb) / float64(total)))
				d := float64(c.At(k, b)) - want
				statistic += d * d / want
			}
		}
	}
	return statistic, max(used(classes)-1, 0) * max(used(bins)-1, 0)
}

const contingencyKind, contingencyVersion = 'K', 1

// AppendBinary appends the sketch's bytes.
func (c *Contingency) AppendBinary(b []byte) ([]byte, error) {
	b = binary.AppendUvarint(appendHeader(b, contingencyKind, contingencyVersion), uint64(len(c.n)))
	for _, row := range c.n {
		b = binary.AppendUvarint(b, uint64(len(row)))
		for _, n := range row {
			b = binary.AppendUvarint(b, uint64(n))
		}
	}
	return b, nil
}

// UnmarshalBinary replaces the sketch by the one that b describes.
func (c *Contingency) UnmarshalBinary(b []byte) error {
	r := open("Contingency", b, contingencyKind, contingencyVersion)
	var x Contingency
	if k := r.length(1); k > 0 {
		x.n = make([][]int64, k)
	}
	for k := range x.n {
		if n := r.length(1); n > 0 {
			x.n[k] = make([]int64, n)
		}
		for i := range x.n[k] {
			x.n[k][i] = r.count()
		}
	}
	if err := r.close(); err != nil {
		return err
	}
	*c = x
	return nil
}

// GroupedMoments are the moments of a quantity for each class of a label: analysis of variance.
type GroupedMoments struct {
	Groups []Moments // by class
}

// Add adds one value of a class. A negative or impossibly large class is an error.
func (g *GroupedMoments) Add(class int, x float64) error {
	if err := g.grow(class); err != nil {
		return err
	}
	g.Groups[class].Add(x)
	return nil
}

// Update adds values of one class.
func (g *GroupedMoments) Update(class int, x []float64) error {
	if err := g.grow(class); err != nil {
		return err
	}
	g.Groups[class].Update(x)
	return nil
}

func (g *GroupedMoments) grow(class int) error {
	if class < 0 || class >= maxCells {
		return fmt.Errorf("moments by class: class %d out of range", class)
	}
	if class >= len(g.Groups) {
		g.Groups = append(g.Groups, make([]Moments, class+1-len(g.Groups))...)
	}
	return nil
}

// Merge adds what o has seen.
func (g *GroupedMoments) Merge(o *GroupedMoments) error {
	if len(o.Groups) > 0 {
		if err := g.grow(len(o.Groups) - 1); err != nil {
			return err
		}
	}
	for k := range o.Groups {
		if err := g.Groups[k].Merge(&o.Groups[k]); err != nil {
			return err
		}
	}
	return nil
}

// Total is the moments of all classes together.
func (g *GroupedMoments) Total() Moments {
	var t Moments
	for k := range g.Groups {
		_ = t.Merge(&g.Groups[k]) // never fails
	}
	return t
}

// F is the one-way analysis of variance (sklearn.feature_selection.f_classif): the variance between the classes that
// have values over that within, with their degrees of freedom. NaN where either is not defined, +Inf where the classes
// differ and nothing varies within.
func (g *GroupedMoments) F() (f float64, between, within int64) {
	total := g.Total()
	var ssb, ssw float64
	var groups int64
	for k := range g.Groups {
		if m := &g.Groups[k]; m.Count > 0 {
			groups++
			d := m.Mean - total.Mean
			ssb += float64(d * d * float64(m.Count))
			ssw += m.M2
		}
	}
	between, within = max(groups-1, 0), max(total.Count-groups, 0)
	return (ssb / float64(between)) / (ssw / float64(within)), between, within
}

// ChiSquared is the statistic of sklearn.feature_selection.chi2 for a quantity that is never negative (a count or a
// share): each class's sum against what its number of rows would give. The degrees of freedom are the classes less one.
func (g *GroupedMoments) ChiSquared() float64 {
	total := g.Total()
	sum := total.Sum()
	var chi float64
	for k := range g.Groups {
		m := &g.Groups[k]
		if m.Count == 0 {
			continue
		}
		want := float64(float64(m.Count) / float64(total.Count) * sum)
		d := m.Sum() - want
		chi += d * d / want
	}
	return chi
}

const groupedKind, groupedVersion = 'G', 1

// AppendBinary appends the sketch's bytes.
func (g *GroupedMoments) AppendBinary(b []byte) ([]byte, error) {
	b = binary.AppendUvarint(appendHeader(b, groupedKind, groupedVersion), uint64(len(g.Groups)))
	for k := range g.Groups {
		var err error
		if b, err = appendNested(b, &g.Groups[k]); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// UnmarshalBinary replaces the sketch by the one that b describes.
func (g *GroupedMoments) UnmarshalBinary(b []byte) error {
	r := open("GroupedMoments", b, groupedKind, groupedVersion)
	var x GroupedMoments
	if n := r.length(47); n > 0 { // the least that Moments take, and their length
		x.Groups = make([]Moments, n)
	}
	for k := range x.Groups {
		r.nested(&x.Groups[k])
	}
	if err := r.close(); err != nil {
		return err
	}
	*g = x
	return nil
}
