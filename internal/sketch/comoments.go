package sketch

import (
	"encoding/binary"
	"fmt"
	"math"
)

// CoMoments holds the means of d columns and the co-moments of each pair of them: what covariances, correlations and
// least squares are made of. All rows count for all columns: a caller whose columns have holes fills them first, or
// keeps [PairMoments].
//
// Runs of 512 rows are centred on their own means, multiplied in the cache, and joined by the formula of Chan et al. (1979); see
// [Moments] for why. The zero value takes the number of columns of its first update or merge.
type CoMoments struct {
	Count int64
	Mean  []float64 // [d]
	c     []float64 // [d(d+1)/2] rows of the upper triangle: Σ (x_i - Mean_i)(x_j - Mean_j), j ≥ i

	work *coWork
}

// coRows is how many rows are centred and multiplied at a time: 40 columns of them fit a second-level cache twice.
const coRows = 512

// coWork is memory for one block, kept between updates.
type coWork struct {
	centred []float64 // [d rounded up to 4][coRows]
	mean    []float64 // [d]
	co      []float64 // [d(d+1)/2]
}

// maxColumns bounds the width of a matrix of co-moments: beyond it the matrix would take gigabytes.
const maxColumns = 1 << 14

// Update adds rows [0,len(cols[0])) of the columns. A value that is not finite is an error, after which the sketch is as
// it was; so is a number of columns other than before.
func (c *CoMoments) Update(cols [][]float64) error {
	if err := checkColumns(cols); err != nil {
		return err
	}
	if len(cols) == 0 || len(cols[0]) == 0 {
		return nil
	}
	for j, x := range cols {
		if !statsOf(x).finite {
			return fmt.Errorf("co-moments: column %d holds a NaN or an infinity", j)
		}
	}
	return c.updateFinite(cols)
}

func checkColumns(cols [][]float64) error {
	if len(cols) > maxColumns {
		return fmt.Errorf("co-moments: %d columns, want at most %d", len(cols), maxColumns)
	}
	for j := range cols {
		if len(cols[j]) != len(cols[0]) {
			return fmt.Errorf("co-moments: column %d has %d rows, column 0 has %d", j, len(cols[j]), len(cols[0]))
		}
	}
	return nil
}

// updateFinite is Update for columns of equal, positive length that are known to be finite.
func (c *CoMoments) updateFinite(cols [][]float64) error {
	d := len(cols)
	if err := c.size(d); err != nil {
		return err
	}
	if c.work == nil {
		c.work = &coWork{make([]float64, (d+3)&^3*coRows), make([]float64, d), make([]float64, len(c.c))}
	}
	w := c.work
	for from, rows := 0, len(cols[0]); from < rows; from += coRows {
		n := min(coRows, rows-from)
		padded := (n + 3) &^ 3
		for j := range cols {
			x := cols[j][from : from+n]
			mean := statsOf(x).sum / float64(n)
			w.mean[j] = mean
			out := w.centred[j*coRows : j*coRows+padded]
			for i, v := range x {
				out[i] = v - mean
			}
			clear(out[n:])
		}
		upperProducts(w.co, w.centred, d, padded)
		c.join(int64(n), w.mean, w.co)
	}
	return nil
}

// upperProducts writes the upper triangle of X·Xᵀ, X being d rows of n values at a stride of coRows, padded to a
// multiple of four rows of any content.
func upperProducts(out, x []float64, d, n int) {
	var tile [8]float64
	for i := 0; i < d; i += 2 {
		for j := i &^ 3; j < d; j += 4 {
			products2x4(x[i*coRows:], x[j*coRows:], coRows, n, &tile)
			for p := i; p < min(i+2, d); p++ {
				row := out[triangle(p, d):]
				for q := max(j, p); q < min(j+4, d); q++ {
					row[q-p] = tile[4*(p-i)+q-j]
				}
			}
		}
	}
}

// triangle is where row i of the upper triangle of a d×d matrix begins.
func triangle(i, d int) int { return i*d - i*(i-1)/2 }

// size gives an empty sketch d columns and refuses another number than it has.
func (c *CoMoments) size(d int) error {
	if len(c.Mean) == 0 && c.Count == 0 {
		c.Mean, c.c = make([]float64, d), make([]float64, d*(d+1)/2)
	}
	if len(c.Mean) != d {
		return fmt.Errorf("co-moments: want %d columns, have %d", len(c.Mean), d)
	}
	return nil
}

// join adds a group of n > 0 rows.
func (c *CoMoments) join(n int64, mean, co []float64) {
	if c.Count == 0 {
		c.Count = n
		copy(c.Mean, mean)
		copy(c.c, co)
		return
	}
	a, b := float64(c.Count), float64(n)
	share := b / (a + b)
	f := a * share
	d := len(mean)
	at := 0
	for i := range d {
		di := (mean[i] - c.Mean[i]) * f
		row, add := c.c[at:at+d-i], co[at:at+d-i]
		m, old := mean[i:], c.Mean[i:]
		for k := range row {
			row[k] += add[k] + float64(di*(m[k]-old[k]))
		}
		at += d - i
	}
	for i := range d {
		c.Mean[i] += float64((mean[i] - c.Mean[i]) * share)
	}
	c.Count += n
}

// Merge adds what o has seen.
func (c *CoMoments) Merge(o *CoMoments) error {
	if len(o.Mean) == 0 {
		return nil
	}
	if err := c.size(len(o.Mean)); err != nil {
		return err
	}
	if o.Count > 0 {
		c.join(o.Count, o.Mean, o.c)
	}
	return nil
}

// Columns is d.
func (c *CoMoments) Columns() int { return len(c.Mean) }

// CoMoment is Σ (x_i - Mean_i)(x_j - Mean_j).
func (c *CoMoments) CoMoment(i, j int) float64 {
	if i > j {
		i, j = j, i
	}
	return c.c[triangle(i, len(c.Mean))+j-i]
}

// Covariance is the co-moment over Count-ddof; NaN where there are not more than ddof rows.
func (c *CoMoments) Covariance(i, j, ddof int) float64 {
	if c.Count <= int64(ddof) {
		return math.NaN()
	}
	return c.CoMoment(i, j) / float64(c.Count-int64(ddof))
}

// Correlation is Pearson's, in [-1,1]; NaN where a column is constant, as in numpy.
func (c *CoMoments) Correlation(i, j int) float64 {
	return correlation(c.CoMoment(i, j), c.CoMoment(i, i), c.CoMoment(j, j))
}

func correlation(xy, xx, yy float64) float64 {
	r := xy / float64(math.Sqrt(xx)*math.Sqrt(yy))
	return max(-1, min(1, r)) // keeps NaN
}

// Correlations is the d×d matrix, row-major.
func (c *CoMoments) Correlations() []float64 {
	d := len(c.Mean)
	out := make([]float64, d*d)
	for i := range d {
		for j := i; j < d; j++ {
			out[i*d+j] = c.Correlation(i, j)
			out[j*d+i] = out[i*d+j]
		}
	}
	return out
}

const coKind, coVersion = 'X', 1

// AppendBinary appends the sketch's bytes.
func (c *CoMoments) AppendBinary(b []byte) ([]byte, error) {
	b = binary.AppendUvarint(appendHeader(b, coKind, coVersion), uint64(c.Count))
	b = binary.AppendUvarint(b, uint64(len(c.Mean)))
	for _, x := range c.Mean {
		b = appendFloat(b, x)
	}
	for _, x := range c.c {
		b = appendFloat(b, x)
	}
	return b, nil
}

// UnmarshalBinary replaces the sketch by the one that b describes.
func (c *CoMoments) UnmarshalBinary(b []byte) error {
	r := open("CoMoments", b, coKind, coVersion)
	x := CoMoments{Count: r.count()}
	d := r.length(8)
	if d > maxColumns || d*(d+1)/2+d != len(r.b)/8 {
		r.fail("%d columns do not fit %d bytes", d, len(r.b))
	}
	if d == 0 && x.Count > 0 {
		r.fail("%d rows of no column", x.Count)
	}
	if r.err == nil && d > 0 {
		x.Mean, x.c = r.floats(d), r.floats(d*(d+1)/2)
	}
	if err := r.close(); err != nil {
		return err
	}
	*c = x
	return nil
}
