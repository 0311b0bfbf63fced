package preprocess

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"howdah/internal/splitmix"
)

// SelectPart is the sketch behind a Selection: moments, co-moments and contingency tables, of a size that depends on the
// features and not on the rows. The zero part is Merge's identity. Counts merge exactly in any order; moments (Chan,
// Golub and LeVeque 1979, pairwise form) are to be merged along the engine's fixed tree.
type SelectPart struct {
	n int64
	// By numeric feature, in order; where the label takes part in co-moments it follows as one column more.
	mean []float64
	co   []float64 // lower triangle with the diagonal, or the diagonal alone, or the diagonal and the label's row
	// By class.
	classN     []int64
	groupMean  []float64 // [numeric, classes]
	groupM2    []float64
	bins       []int64   // tables of numeric features, one after the other, each [bins, groups]
	codes      []int64   // tables of categorical features, each [categories, groups]
	rowN       []int64   // by category, over all categorical features
	rowMean    []float64 // of the label
	rowM2      []float64
	centred    []float64 // scratch of Update: [columns, rows] deviations from the block's mean
	blockMeans []float64
	groupOf    []int32
	folded     []int32
	groupSum   []float64
	groupCount []int64
}

// NewPart returns an empty part. It is the same as the zero part, but shaped.
func (s *Selection) NewPart() *SelectPart {
	p := new(SelectPart)
	s.shape(p)
	return p
}

// columns is the number of columns of moments: the numeric features, and the label where it takes part.
func (s *Selection) columns() int {
	switch {
	case !s.need.moments:
		return 0
	case s.need.label:
		return len(s.numeric) + 1
	}
	return len(s.numeric)
}

// coLen is the number of co-moments kept: see coRow.
func (s *Selection) coLen() int {
	d := s.columns()
	switch {
	case s.need.co:
		return d * (d + 1) / 2
	case s.need.label:
		return 2*d - 1
	}
	return d
}

// coAt returns the place of the co-moment of columns i >= j; j is i, or i is the label, or all pairs are kept.
func (s *Selection) coAt(i, j int) int {
	d := s.columns()
	switch {
	case s.coLen() == d*(d+1)/2:
		return i*(i+1)/2 + j
	case i == j:
		return i
	}
	return d + j
}

func (s *Selection) shape(p *SelectPart) {
	d := s.columns()
	p.mean = make([]float64, d)
	p.co = make([]float64, s.coLen())
	if s.target.Type != Regression {
		p.classN = make([]int64, s.target.Classes)
	}
	if s.need.groups {
		p.groupMean = make([]float64, len(s.numeric)*s.target.Classes)
		p.groupM2 = make([]float64, len(s.numeric)*s.target.Classes)
	}
	if s.need.bins {
		p.bins = make([]int64, s.binAt[len(s.numeric)])
	}
	if s.need.codes {
		p.codes = make([]int64, s.codeAt[len(s.coded)])
	}
	if s.need.labelFor {
		rows := s.rowAt[len(s.coded)]
		p.rowN = make([]int64, rows)
		p.rowMean = make([]float64, rows)
		p.rowM2 = make([]float64, rows)
	}
}

// shaped says whether the part has the lengths that the selection gives its parts.
func (s *Selection) shaped(p *SelectPart) bool {
	want := new(SelectPart)
	s.shape(want)
	return len(p.mean) == len(want.mean) && len(p.co) == len(want.co) && len(p.classN) == len(want.classN) &&
		len(p.groupMean) == len(want.groupMean) && len(p.groupM2) == len(want.groupM2) && len(p.bins) == len(want.bins) &&
		len(p.codes) == len(want.codes) && len(p.rowN) == len(want.rowN) && len(p.rowMean) == len(want.rowMean) &&
		len(p.rowM2) == len(want.rowM2)
}

// Update adds a block of training rows: a slice for each numeric feature and one for each categorical feature, each in
// the features' order and of the label's length, and the label (0..classes-1, or the quantity). A block is a unit of
// arithmetic: the same rows in other blocks give sums that differ in the last bits. A value that is NaN or infinite, a
// code or a class out of range is an error that names the feature and the row of the block.
func (s *Selection) Update(p *SelectPart, numeric [][]float64, codes [][]int32, y []float64) error {
	if len(numeric) != len(s.numeric) || len(codes) != len(s.coded) {
		return fmt.Errorf("selection: want %d numeric and %d categorical features, have %d and %d",
			len(s.numeric), len(s.coded), len(numeric), len(codes))
	}
	for i, x := range numeric {
		if len(x) != len(y) {
			return fmt.Errorf("selection: feature %q has %d rows, the label %d", s.features[s.numeric[i]].Name, len(x), len(y))
		}
	}
	for i, x := range codes {
		if len(x) != len(y) {
			return fmt.Errorf("selection: feature %q has %d rows, the label %d", s.features[s.coded[i]].Name, len(x), len(y))
		}
	}
	if len(y) == 0 || !s.Wave() {
		return nil
	}
	if p.n == 0 && !s.shaped(p) {
		s.shape(p)
	}
	if err := s.group(p, y); err != nil {
		return err
	}
	if s.need.moments {
		if err := s.addMoments(p, numeric, y); err != nil {
			return err
		}
	}
	if s.need.groups {
		s.addGroups(p, numeric)
	}
	if s.need.bins {
		for i, x := range numeric {
			s.addBins(p, i, x)
		}
	}
	for i, x := range codes {
		if err := s.addCodes(p, i, x, y); err != nil {
			return err
		}
	}
	p.n += int64(len(y))
	for g, n := range p.groupCount {
		if p.classN != nil {
			p.classN[g] += n
		}
	}
	return nil
}

// group finds each row's column in the contingency tables and counts them.
func (s *Selection) group(p *SelectPart, y []float64) error {
	p.groupOf = slices.Grow(p.groupOf[:0], len(y))[:len(y)]
	p.groupCount = slices.Grow(p.groupCount[:0], s.groups)[:s.groups]
	clear(p.groupCount)
	for r, v := range y {
		g := 0
		if s.target.Type == Regression {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("selection: row %d of the block: the label is %v", r, v)
			}
			g = binOf(s.target.Edges, v)
		} else {
			if !(v >= 0 && v < float64(s.groups)) || v != math.Trunc(v) {
				return fmt.Errorf("selection: row %d of the block: the label is %v, want a class from 0 to %d", r, v, s.groups-1)
			}
			g = int(v)
		}
		p.groupOf[r] = int32(g)
		p.groupCount[g]++
	}
	return nil
}

func (s *Selection) addMoments(p *SelectPart, numeric [][]float64, y []float64) error {
	n, d := len(y), s.columns()
	p.centred = slices.Grow(p.centred[:0], n*d)[:n*d]
	p.blockMeans = slices.Grow(p.blockMeans[:0], d)[:d]
	for i := range d {
		x := y
		if i < len(numeric) {
			x = numeric[i]
		}
		m := x[0] + sumFrom(x[0], x)/float64(n) // about a value of the block: a constant has variance 0 exactly
		if math.IsNaN(m) || math.IsInf(m, 0) {
			name := "the label"
			if i < len(numeric) {
				name = fmt.Sprintf("feature %q", s.features[s.numeric[i]].Name)
			}
			for r, v := range x {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					return fmt.Errorf("selection: row %d of the block: %s is %v", r, name, v)
				}
			}
			return fmt.Errorf("selection: %s: its values are too large to add up", name)
		}
		p.blockMeans[i] = m
		dst := p.centred[i*n : (i+1)*n]
		for r, v := range x {
			dst[r] = v - m
		}
	}
	// Chan: C = Ca + Cb + (ma-mb)(ma'-mb') na nb / n.
	a, b := float64(p.n), float64(n)
	shift := a * b / (a + b)
	add := func(i, j int, dot float64) {
		c := &p.co[s.coAt(i, j)]
		*c += dot + float64((p.blockMeans[i]-p.mean[i])*(p.blockMeans[j]-p.mean[j])*shift)
	}
	switch {
	case s.need.co:
		crossProducts(p.centred, n, d, add)
	default:
		for i := range d {
			add(i, i, dot(p.centred[i*n:(i+1)*n], p.centred[i*n:(i+1)*n]))
		}
		if s.need.label {
			l := d - 1
			for j := range l {
				add(l, j, dot(p.centred[l*n:], p.centred[j*n:(j+1)*n]))
			}
		}
	}
	for i, m := range p.blockMeans {
		p.mean[i] += float64((m - p.mean[i]) * (b / (a + b)))
	}
	return nil
}

// sumFrom adds x - pivot in four lanes, a fixed order.
func sumFrom(pivot float64, x []float64) float64 {
	var a, b, c, d float64
	for ; len(x) >= 4; x = x[4:] {
		a += x[0] - pivot
		b += x[1] - pivot
		c += x[2] - pivot
		d += x[3] - pivot
	}
	for _, v := range x {
		a += v - pivot
	}
	return (a + c) + (b + d)
}

// dot multiplies and adds in four lanes, a fixed order; products are rounded explicitly, so that no compiler fuses them.
func dot(x, y []float64) float64 {
	y = y[:len(x)]
	var a, b, c, d float64
	i := 0
	for ; i+4 <= len(x); i += 4 {
		a += float64(x[i] * y[i])
		b += float64(x[i+1] * y[i+1])
		c += float64(x[i+2] * y[i+2])
		d += float64(x[i+3] * y[i+3])
	}
	for ; i < len(x); i++ {
		a += float64(x[i] * y[i])
	}
	return (a + c) + (b + d)
}

// crossProducts calls add with the dot product of every pair of columns i >= j of x, which is [d, n], column by column.
// It works in tiles of 2x4 columns, so that a value loaded serves several products, over strips of rows that fit the
// first-level cache.
func crossProducts(x []float64, n, d int, add func(i, j int, dot float64)) {
	const strip = 512
	col := func(i, from, to int) []float64 { return x[i*n+from : i*n+to] }
	acc := make([]float64, 8)
	for i := 0; i < d; i += 2 {
		i1 := min(i+1, d-1)
		for j := 0; j <= i1; j += 4 {
			j1, j2, j3 := min(j+1, i1), min(j+2, i1), min(j+3, i1)
			clear(acc)
			for r := 0; r < n; r += strip {
				to := min(r+strip, n)
				tile(acc, col(i, r, to), col(i1, r, to), col(j, r, to), col(j1, r, to), col(j2, r, to), col(j3, r, to))
			}
			for k := range 4 {
				if j+k <= i {
					add(i, j+k, acc[k])
				}
				if j+k <= i1 && i1 > i {
					add(i1, j+k, acc[4+k])
				}
			}
		}
	}
}

func tile(acc []float64, a, b, p, q, u, v []float64) {
	n := len(a)
	b, p, q, u, v = b[:n], p[:n], q[:n], u[:n], v[:n]
	s0, s1, s2, s3 := acc[0], acc[1], acc[2], acc[3]
	t0, t1, t2, t3 := acc[4], acc[5], acc[6], acc[7]
	for r, x := range a {
		y := b[r]
		pr, qr, ur, vr := p[r], q[r], u[r], v[r]
		s0 += float64(x * pr)
		s1 += float64(x * qr)
		s2 += float64(x * ur)
		s3 += float64(x * vr)
		t0 += float64(y * pr)
		t1 += float64(y * qr)
		t2 += float64(y * ur)
		t3 += float64(y * vr)
	}
	acc[0], acc[1], acc[2], acc[3] = s0, s1, s2, s3
	acc[4], acc[5], acc[6], acc[7] = t0, t1, t2, t3
}

// addGroups adds the moments by class. It runs before p.classN is brought up to date.
func (s *Selection) addGroups(p *SelectPart, numeric [][]float64) {
	c := s.groups
	p.groupSum = slices.Grow(p.groupSum[:0], 2*c)[:2*c]
	means, m2 := p.groupSum[:c], p.groupSum[c:]
	for i, x := range numeric {
		clear(p.groupSum)
		pivot := x[0]
		for r, v := range x {
			means[p.groupOf[r]] += v - pivot
		}
		for g, n := range p.groupCount {
			if n > 0 {
				means[g] = pivot + means[g]/float64(n)
			}
		}
		for r, v := range x {
			e := v - means[p.groupOf[r]]
			m2[p.groupOf[r]] += float64(e * e)
		}
		for g, n := range p.groupCount {
			at := i*c + g
			mergeMoments(p.classN[g], &p.groupMean[at], &p.groupM2[at], n, means[g], m2[g])
		}
	}
}

// mergeMoments adds nb values of mean mb and sum of squares m2b to the na values before them.
func mergeMoments(na int64, mean, m2 *float64, nb int64, mb, m2b float64) {
	if nb == 0 {
		return
	}
	if na == 0 {
		*mean, *m2 = mb, m2b
		return
	}
	a, b := float64(na), float64(nb)
	delta := mb - *mean
	*m2 += m2b + float64(delta*delta*(a*b/(a+b)))
	*mean += float64(delta * (b / (a + b)))
}

// addBins counts four values at a time: each search waits for its loads, so that four take hardly longer than one.
func (s *Selection) addBins(p *SelectPart, i int, x []float64) {
	table := p.bins[s.binAt[i]:s.binAt[i+1]]
	edges := s.features[s.numeric[i]].Edges
	groups := p.groupOf[:len(x)]
	r := 0
	for ; r+4 <= len(x) && len(edges) > 0; r += 4 {
		v0, v1, v2, v3 := x[r], x[r+1], x[r+2], x[r+3]
		var a0, a1, a2, a3 int
		n := len(edges)
		for n > 1 {
			half := n >> 1
			a0 += half * oneIf(edges[a0+half-1] <= v0)
			a1 += half * oneIf(edges[a1+half-1] <= v1)
			a2 += half * oneIf(edges[a2+half-1] <= v2)
			a3 += half * oneIf(edges[a3+half-1] <= v3)
			n -= half
		}
		for k, at := range [4]int{a0, a1, a2, a3} {
			if edges[at] <= x[r+k] {
				at++
			}
			table[at*s.groups+int(groups[r+k])]++
		}
	}
	for ; r < len(x); r++ {
		table[binOf(edges, x[r])*s.groups+int(groups[r])]++
	}
}

func (s *Selection) addCodes(p *SelectPart, i int, x []int32, y []float64) error {
	f := &s.features[s.coded[i]]
	for r, c := range x {
		if uint32(c) > uint32(f.Cardinality) {
			return fmt.Errorf("selection: row %d of the block: feature %q has code %d, want 0 to %d", r, f.Name, c, f.Cardinality)
		}
	}
	if rows := int32(s.rowAt[i+1] - s.rowAt[i]); int(rows) <= f.Cardinality {
		p.folded = slices.Grow(p.folded[:0], len(x))[:len(x)]
		for r, c := range x {
			p.folded[r] = int32(splitmix.Mix(uint64(c)) >> 32 * uint64(rows) >> 32)
		}
		x = p.folded
	}
	if s.need.codes {
		table := p.codes[s.codeAt[i]:s.codeAt[i+1]]
		for r, c := range x {
			table[int(c)*s.groups+int(p.groupOf[r])]++
		}
	}
	if s.need.labelFor {
		// Welford, row by row: categories are too many for sums by block.
		n, mean, m2 := p.rowN[s.rowAt[i]:], p.rowMean[s.rowAt[i]:], p.rowM2[s.rowAt[i]:]
		for r, c := range x {
			n[c]++
			delta := y[r] - mean[c]
			mean[c] += delta / float64(n[c])
			m2[c] += float64(delta * (y[r] - mean[c]))
		}
	}
	return nil
}

// Rows returns the number of rows that went in.
func (p *SelectPart) Rows() int64 { return p.n }

// Merge adds the rows of q, which must come from the same selection.
func (p *SelectPart) Merge(q *SelectPart) error {
	if q.n == 0 {
		return nil
	}
	if p.n == 0 {
		p.copyFrom(q)
		return nil
	}
	if len(p.mean) != len(q.mean) || len(p.co) != len(q.co) || len(p.classN) != len(q.classN) ||
		len(p.groupMean) != len(q.groupMean) || len(p.bins) != len(q.bins) || len(p.codes) != len(q.codes) || len(p.rowN) != len(q.rowN) {
		return errors.New("selection: parts of different selections cannot be merged")
	}
	a, b := float64(p.n), float64(q.n)
	shift := a * b / (a + b)
	d := len(p.mean)
	delta := make([]float64, d)
	for i := range d {
		delta[i] = q.mean[i] - p.mean[i]
	}
	for k := range p.co {
		i, j := coPair(k, d, len(p.co))
		p.co[k] += q.co[k] + float64(delta[i]*delta[j]*shift)
	}
	for i := range d {
		p.mean[i] += float64(delta[i] * (b / (a + b)))
	}
	if c := len(p.classN); c > 0 {
		for i := range p.groupMean {
			g := i % c
			mergeMoments(p.classN[g], &p.groupMean[i], &p.groupM2[i], q.classN[g], q.groupMean[i], q.groupM2[i])
		}
	}
	for i := range p.rowN {
		mergeMoments(p.rowN[i], &p.rowMean[i], &p.rowM2[i], q.rowN[i], q.rowMean[i], q.rowM2[i])
	}
	p.n += q.n
	addCounts(p.classN, q.classN)
	addCounts(p.bins, q.bins)
	addCounts(p.codes, q.codes)
	addCounts(p.rowN, q.rowN)
	return nil
}

func addCounts(dst, src []int64) {
	for i, n := range src {
		dst[i] += n
	}
}

// coPair is the inverse of Selection.coAt, from the lengths alone.
func coPair(k, d, coLen int) (i, j int) {
	if coLen != d*(d+1)/2 {
		if k < d {
			return k, k
		}
		return d - 1, k - d
	}
	i = int((math.Sqrt(float64(8*k+1)) - 1) / 2)
	for i*(i+1)/2 > k {
		i--
	}
	for (i+1)*(i+2)/2 <= k {
		i++
	}
	return i, k - i*(i+1)/2
}

func (p *SelectPart) floats() []*[]float64 {
	return []*[]float64{&p.mean, &p.co, &p.groupMean, &p.groupM2, &p.rowMean, &p.rowM2}
}

func (p *SelectPart) counts() []*[]int64 {
	return []*[]int64{&p.classN, &p.bins, &p.codes, &p.rowN}
}

func (p *SelectPart) copyFrom(q *SelectPart) {
	p.n = q.n
	to := p.floats()
	for i, f := range q.floats() {
		*to[i] = slices.Clone(*f)
	}
	toCounts := p.counts()
	for i, c := range q.counts() {
		*toCounts[i] = slices.Clone(*c)
	}
}

const selectPartVersion = 1

// AppendBinary appends the part: a version byte, the number of rows, and each array with its length before it. Counts
// are varints (most cells are small), numbers little-endian doubles. An empty part is the same bytes shaped or not.
func (p *SelectPart) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, selectPartVersion)
	b = binary.AppendUvarint(b, uint64(p.n))
	if p.n == 0 {
		return b, nil
	}
	for _, f := range p.floats() {
		b = binary.AppendUvarint(b, uint64(len(*f)))
		for _, v := range *f {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
		}
	}
	for _, c := range p.counts() {
		b = binary.AppendUvarint(b, uint64(len(*c)))
		for _, v := range *c {
			b = binary.AppendUvarint(b, uint64(v))
		}
	}
	return b, nil
}

// UnmarshalBinary reads what AppendBinary wrote.
func (p *SelectPart) UnmarshalBinary(b []byte) error {
	bad := errors.New("selection: damaged part")
	if len(b) == 0 {
		return bad
	}
	if b[0] != selectPartVersion {
		return fmt.Errorf("selection: part of version %d, want %d", b[0], selectPartVersion)
	}
	b = b[1:]
	next := func() (uint64, bool) {
		v, n := binary.Uvarint(b)
		if n <= 0 || v > math.MaxInt64 {
			return 0, false
		}
		b = b[n:]
		return v, true
	}
	var out SelectPart
	n, ok := next()
	if !ok {
		return bad
	}
	out.n = int64(n)
	if n == 0 {
		if len(b) != 0 {
			return bad
		}
		*p = out
		return nil
	}
	for _, f := range out.floats() {
		n, ok := next()
		if !ok || n > uint64(len(b)/8) {
			return bad
		}
		*f = make([]float64, n)
		for i := range *f {
			(*f)[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
		}
		b = b[8*n:]
	}
	for _, c := range out.counts() {
		n, ok := next()
		if !ok || n > uint64(len(b)) {
			return bad
		}
		*c = make([]int64, n)
		for i := range *c {
			v, ok := next()
			if !ok {
				return bad
			}
			(*c)[i] = int64(v)
		}
	}
	if len(b) != 0 || !out.consistent() {
		return bad
	}
	*p = out
	return nil
}

// consistent checks the lengths against one another, so that Merge cannot go out of bounds.
func (p *SelectPart) consistent() bool {
	d, c := len(p.mean), len(p.classN)
	okCo := len(p.co) == d || d > 0 && len(p.co) == 2*d-1 || len(p.co) == d*(d+1)/2
	okGroups := len(p.groupMean) == len(p.groupM2) && (len(p.groupMean) == 0 || c > 0 && len(p.groupMean)%c == 0)
	return okCo && okGroups && len(p.rowN) == len(p.rowMean) && len(p.rowN) == len(p.rowM2)
}
