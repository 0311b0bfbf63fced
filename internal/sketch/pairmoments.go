package sketch

import (
	"encoding/binary"
	"math"
)

// PairMoments holds the co-moments of each pair of d columns over the rows in which both have a value, as
// pandas.DataFrame.corr does. Missing is what is not finite. Runs of rows without a hole go to [CoMoments], which they
// cost; only the others are summed pair by pair.
type PairMoments struct {
	whole CoMoments
	pairs []pairSums // [d(d+1)/2], nil while no run had a hole

	sub  [][]float64
	work *pairWork
}

// pairSums are the moments of columns i and j over the rows where both have a value.
type pairSums struct {
	n, meanI, meanJ, ii, jj, ij float64
}

// pairWork is memory for one block: centred values with zeros in the holes, their squares, and ones where a value is.
type pairWork struct {
	x, square, mask    []float64 // [d rounded up to 4][coRows]
	mean               []float64
	xx, xm, squareM, m []float64 // products; x·m and square·m are full squares of d rounded up
}

// Update adds rows [0,len(cols[0])) of the columns.
func (s *PairMoments) Update(cols [][]float64) error {
	if err := checkColumns(cols); err != nil {
		return err
	}
	if len(cols) == 0 || len(cols[0]) == 0 {
		return nil
	}
	if err := s.whole.size(len(cols)); err != nil {
		return err
	}
	if len(s.sub) != len(cols) {
		s.sub = make([][]float64, len(cols))
	}
	for from, rows := 0, len(cols[0]); from < rows; from += coRows {
		holes := false
		for j := range cols {
			s.sub[j] = cols[j][from:min(from+coRows, rows)]
			holes = holes || !statsOf(s.sub[j]).finite
		}
		if holes {
			s.addHoled(s.sub)
		} else if err := s.whole.updateFinite(s.sub); err != nil {
			return err
		}
	}
	clear(s.sub)
	return nil
}

func (s *PairMoments) addHoled(cols [][]float64) {
	d, n := len(cols), len(cols[0])
	wide := (d + 3) &^ 3
	if s.pairs == nil {
		s.pairs = make([]pairSums, d*(d+1)/2)
	}
	if s.work == nil {
		block := func() []float64 { return make([]float64, wide*coRows) }
		s.work = &pairWork{block(), block(), block(), make([]float64, d), make([]float64, len(s.pairs)),
			make([]float64, wide*wide), make([]float64, wide*wide), make([]float64, len(s.pairs))}
	}
	w := s.work
	padded := (n + 3) &^ 3
	for j, col := range cols {
		x, square, mask := w.x[j*coRows:][:padded], w.square[j*coRows:][:padded], w.mask[j*coRows:][:padded]
		var sum, count float64
		for _, v := range col {
			if v-v == 0 {
				sum += v
				count++
			}
		}
		w.mean[j] = 0
		if count > 0 {
			w.mean[j] = sum / count
		}
		for i := range x {
			x[i], square[i], mask[i] = 0, 0, 0
			if i < n && col[i]-col[i] == 0 {
				x[i] = col[i] - w.mean[j]
				square[i] = float64(x[i] * x[i])
				mask[i] = 1
			}
		}
	}
	upperProducts(w.xx, w.x, d, padded)
	upperProducts(w.m, w.mask, d, padded)
	crossProducts(w.xm, w.x, w.mask, wide, padded)
	crossProducts(w.squareM, w.square, w.mask, wide, padded)
	at := 0
	for i := range d {
		for j := i; j < d; j++ {
			if n := w.m[at]; n > 0 {
				si, sj := w.xm[i*wide+j], w.xm[j*wide+i] // of x_i where j is there, and the other way round
				s.pairs[at].join(pairSums{
					n: n, meanI: w.mean[i] + si/n, meanJ: w.mean[j] + sj/n,
					ii: max(w.squareM[i*wide+j]-float64(si*(si/n)), 0),
					jj: max(w.squareM[j*wide+i]-float64(sj*(sj/n)), 0),
					ij: w.xx[at] - float64(si*(sj/n)),
				})
			}
			at++
		}
	}
}

// crossProducts writes X·Yᵀ, both d rows of n values at a stride of coRows; d is a multiple of four.
func crossProducts(out, x, y []float64, d, n int) {
	var tile [8]float64
	for i := 0; i < d; i += 2 {
		for j := 0; j < d; j += 4 {
			products2x4(x[i*coRows:], y[j*coRows:], coRows, n, &tile)
			copy(out[i*d+j:], tile[:4])
			copy(out[(i+1)*d+j:], tile[4:])
		}
	}
}

// join adds another group of rows.
func (p *pairSums) join(o pairSums) {
	if p.n == 0 || o.n == 0 {
		if p.n == 0 {
			*p = o
		}
		return
	}
	total := p.n + o.n
	share := o.n / total
	f := p.n * share
	di, dj := o.meanI-p.meanI, o.meanJ-p.meanJ
	p.ii += o.ii + float64(float64(di*di)*f)
	p.jj += o.jj + float64(float64(dj*dj)*f)
	p.ij += o.ij + float64(float64(di*dj)*f)
	p.meanI += float64(di * share)
	p.meanJ += float64(dj * share)
	p.n = total
}

// Merge adds what o has seen.
func (s *PairMoments) Merge(o *PairMoments) error {
	if err := s.whole.Merge(&o.whole); err != nil {
		return err
	}
	if o.pairs != nil && s.pairs == nil {
		s.pairs = make([]pairSums, len(o.pairs))
	}
	for i := range o.pairs {
		s.pairs[i].join(o.pairs[i])
	}
	return nil
}

// Columns is d.
func (s *PairMoments) Columns() int { return s.whole.Columns() }

func (s *PairMoments) pair(i, j int) pairSums {
	if i > j {
		i, j = j, i
	}
	var p pairSums
	if s.pairs != nil {
		p = s.pairs[triangle(i, s.Columns())+j-i]
	}
	w := &s.whole
	p.join(pairSums{float64(w.Count), w.Mean[i], w.Mean[j], w.CoMoment(i, i), w.CoMoment(j, j), w.CoMoment(i, j)})
	return p
}

// Count is the number of rows in which both columns have a value.
func (s *PairMoments) Count(i, j int) int64 { return int64(s.pair(i, j).n) }

// Covariance over those rows, divided by their number less ddof; NaN where there are not more than ddof.
func (s *PairMoments) Covariance(i, j, ddof int) float64 {
	p := s.pair(i, j)
	if p.n <= float64(ddof) {
		return math.NaN()
	}
	return p.ij / (p.n - float64(ddof))
}

// Correlation is Pearson's over those rows; NaN where one of the columns is constant in them.
func (s *PairMoments) Correlation(i, j int) float64 {
	p := s.pair(i, j)
	return correlation(p.ij, p.ii, p.jj)
}

// Correlations is the d×d matrix, row-major.
func (s *PairMoments) Correlations() []float64 {
	d := s.Columns()
	out := make([]float64, d*d)
	for i := range d {
		for j := i; j < d; j++ {
			out[i*d+j] = s.Correlation(i, j)
			out[j*d+i] = out[i*d+j]
		}
	}
	return out
}

const pairKind, pairVersion = 'Y', 1

// AppendBinary appends the sketch's bytes.
func (s *PairMoments) AppendBinary(b []byte) ([]byte, error) {
	b, err := appendNested(appendHeader(b, pairKind, pairVersion), &s.whole)
	if err != nil {
		return nil, err
	}
	b = binary.AppendUvarint(b, uint64(len(s.pairs)))
	for _, p := range s.pairs {
		for _, x := range [...]float64{p.n, p.meanI, p.meanJ, p.ii, p.jj, p.ij} {
			b = appendFloat(b, x)
		}
	}
	return b, nil
}

// UnmarshalBinary replaces the sketch by the one that b describes.
func (s *PairMoments) UnmarshalBinary(b []byte) error {
	r := open("PairMoments", b, pairKind, pairVersion)
	var x PairMoments
	r.nested(&x.whole)
	d := x.Columns()
	if n := r.length(48); n > 0 {
		if n != d*(d+1)/2 {
			r.fail("%d pairs of %d columns", n, d)
		} else {
			x.pairs = make([]pairSums, n)
		}
	}
	for i := range x.pairs {
		x.pairs[i] = pairSums{r.float(), r.float(), r.float(), r.float(), r.float(), r.float()}
		if n := x.pairs[i].n; !(n >= 0 && n < 1<<53) {
			r.fail("impossible count %v", n)
		}
	}
	if err := r.close(); err != nil {
		return err
	}
	*s = x
	return nil
}
