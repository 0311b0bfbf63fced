package sketch

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// ExactQuantiles finds quantiles exactly, by reading the data two to four times in bounded memory. A pass looks at the
// values whose ordered bits ([keyOf]) begin with one of a few prefixes. While there are few it keeps them; where there are
// more it counts them by the next 16 bits, and the next pass follows only the counts that hold a rank asked for.
//
//	e := NewExactQuantiles(0.1, 0.5)
//	for !e.Done() {
//		// update copies made by Pass on the mappers, merge them into e on the driver
//		err := e.Next()
//	}
//
// Updates and merges are exact in any order. NaN is ignored, -0 counts as 0, infinities are values like others. The
// zero value takes quantiles and progress from the first sketch it is merged with.
type ExactQuantiles struct {
	q     []float64
	n     int64 // of values, known after the first pass
	nodes []exactNode
	seen  int64 // values of this pass, whether or not they are followed
	depth int   // bits of the prefixes: 0, 16, 32 or 48
	found map[int64]uint64
	ready bool // q is set
}

// exactNode follows the values with one prefix.
type exactNode struct {
	prefix uint64   // the depth highest bits of a key, as a number
	before int64    // values below the prefix
	ranks  []int64  // ascending, that lie here; nil in the first pass, which does not know n
	values []uint64 // keys, until there are more than exactKeep
	counts []int64  // then counts by the next 16 bits
}

// exactKeep is how many values a node keeps before it counts: as many as would take the memory of the counts.
const exactKeep = 1 << 16

// NewExactQuantiles prepares to find the quantiles q, each in [0,1].
func NewExactQuantiles(q ...float64) (*ExactQuantiles, error) {
	if len(q) == 0 || len(q) > 1000 {
		return nil, fmt.Errorf("exact quantiles: want 1 to 1000 quantiles, have %d", len(q))
	}
	for _, p := range q {
		if !(p >= 0 && p <= 1) {
			return nil, fmt.Errorf("exact quantiles: want quantiles from 0 to 1, have %v", p)
		}
	}
	return &ExactQuantiles{q: slices.Clone(q), nodes: []exactNode{{}}, ready: true}, nil
}

// Pass returns an empty sketch for the pass that comes: what a mapper updates.
func (e *ExactQuantiles) Pass() *ExactQuantiles {
	p := &ExactQuantiles{q: e.q, n: e.n, depth: e.depth, ready: e.ready, nodes: make([]exactNode, len(e.nodes))}
	for i, node := range e.nodes {
		p.nodes[i] = exactNode{prefix: node.prefix, before: node.before, ranks: node.ranks}
	}
	return p
}

// Update adds values.
func (e *ExactQuantiles) Update(x []float64) {
	if !e.ready || e.Done() {
		return
	}
	for _, v := range x {
		if v != v {
			continue
		}
		e.seen++
		k := keyOf(v + 0)
		if e.depth == 0 {
			e.nodes[0].add(k, 0)
			continue
		}
		if i, ok := e.node(k >> (64 - e.depth)); ok {
			e.nodes[i].add(k, e.depth)
		}
	}
}

func (e *ExactQuantiles) node(prefix uint64) (int, bool) {
	return slices.BinarySearchFunc(e.nodes, prefix, func(n exactNode, p uint64) int {
		switch {
		case n.prefix < p:
			return -1
		case n.prefix > p:
			return 1
		}
		return 0
	})
}

func (n *exactNode) add(k uint64, depth int) {
	if n.counts != nil {
		n.counts[k<<depth>>48]++
		return
	}
	if n.values = append(n.values, k); len(n.values) > exactKeep {
		n.count(depth)
	}
}

func (n *exactNode) count(depth int) {
	n.counts = make([]int64, 1<<16)
	for _, k := range n.values {
		n.counts[k<<depth>>48]++
	}
	n.values = nil
}

// Merge adds what o, a sketch of the same pass, has seen.
func (e *ExactQuantiles) Merge(o *ExactQuantiles) error {
	if !o.ready {
		return nil
	}
	if !e.ready {
		*e = *o.Pass()
	}
	if !slices.Equal(e.q, o.q) || e.depth != o.depth || e.n != o.n || len(e.nodes) != len(o.nodes) {
		return fmt.Errorf("exact quantiles: sketches of different quantiles or passes do not merge")
	}
	for i := range e.nodes {
		if e.nodes[i].prefix != o.nodes[i].prefix {
			return fmt.Errorf("exact quantiles: sketches of different passes do not merge")
		}
	}
	e.seen += o.seen
	for i := range e.nodes {
		a, b := &e.nodes[i], &o.nodes[i]
		for _, k := range b.values {
			a.add(k, e.depth)
		}
		if b.counts != nil {
			if a.counts == nil {
				a.count(e.depth)
			}
			for j, c := range b.counts {
				a.counts[j] += c
			}
		}
	}
	return nil
}

// Done reports that every quantile is known and no pass is needed.
func (e *ExactQuantiles) Done() bool { return e.ready && len(e.nodes) == 0 }

// Next ends a pass: it settles what can be settled and chooses what the next pass follows. A pass that saw another
// number of values than the first one is an error: the data changed in between.
func (e *ExactQuantiles) Next() error {
	if !e.ready || e.Done() {
		return nil
	}
	if e.depth == 0 {
		e.n = e.seen
		e.found = make(map[int64]uint64)
		if e.n == 0 {
			e.nodes = nil
			return nil
		}
		e.nodes[0].ranks = ranksOf(e.q, e.n)
	} else if e.seen != e.n {
		return fmt.Errorf("exact quantiles: the first pass saw %d values, this one %d", e.n, e.seen)
	}
	var next []exactNode
	for i := range e.nodes {
		node := &e.nodes[i]
		if node.counts == nil {
			slices.Sort(node.values)
			for _, r := range node.ranks {
				at := r - node.before
				if at < 0 || at >= int64(len(node.values)) {
					return fmt.Errorf("exact quantiles: rank %d is not where the pass before found it", r)
				}
				e.found[r] = node.values[at]
			}
			continue
		}
		before, ranks := node.before, node.ranks
		for b, c := range node.counts {
			var here []int64
			for len(ranks) > 0 && ranks[0] < before+c {
				here = append(here, ranks[0])
				ranks = ranks[1:]
			}
			if len(here) > 0 {
				prefix := node.prefix<<16 | uint64(b)
				if e.depth == 48 {
					for _, r := range here {
						e.found[r] = prefix
					}
				} else {
					next = append(next, exactNode{prefix: prefix, before: before, ranks: here})
				}
			}
			before += c
		}
		if len(ranks) > 0 {
			return fmt.Errorf("exact quantiles: rank %d is not where the pass before found it", ranks[0])
		}
	}
	e.nodes, e.depth, e.seen = next, e.depth+16, 0
	return nil
}

// ranksOf lists the ranks, from 0, that the definitions of a quantile need.
func ranksOf(q []float64, n int64) []int64 {
	var ranks []int64
	for _, p := range q {
		lo := int64(math.Floor(float64(p * float64(n-1))))
		nearest := max(int64(math.Ceil(p*float64(n)))-1, 0)
		ranks = append(ranks, lo, min(lo+1, n-1), nearest)
	}
	slices.Sort(ranks)
	return slices.Compact(ranks)
}

// Count is the number of values, known after the first pass.
func (e *ExactQuantiles) Count() int64 { return e.n }

// Quantiles are the quantiles asked for, by linear interpolation (numpy's "linear"); NaN where there is no value or a pass is
// still to come.
func (e *ExactQuantiles) Quantiles() []float64 {
	return e.answers(func(q float64) float64 { return linear(q, e.n, e.at) })
}

// NearestRanks are the quantiles asked for as values of the data: numpy's "inverted_cdf".
func (e *ExactQuantiles) NearestRanks() []float64 {
	return e.answers(func(q float64) float64 { return e.at(max(int64(math.Ceil(q*float64(e.n)))-1, 0)) })
}

func (e *ExactQuantiles) at(rank int64) float64 { return floatOf(e.found[rank]) }

func (e *ExactQuantiles) answers(f func(q float64) float64) []float64 {
	out := make([]float64, len(e.q))
	for i, q := range e.q {
		if out[i] = math.NaN(); e.Done() && e.n > 0 {
			out[i] = f(q)
		}
	}
	return out
}

const exactKind, exactVersion = 'E', 1

// AppendBinary appends the sketch's bytes.
func (e *ExactQuantiles) AppendBinary(b []byte) ([]byte, error) {
	b = appendHeader(b, exactKind, exactVersion)
	b = append(b, flagByte(e.ready), byte(e.depth))
	b = binary.AppendUvarint(b, uint64(len(e.q)))
	for _, q := range e.q {
		b = appendFloat(b, q)
	}
	b = binary.AppendUvarint(b, uint64(e.n))
	b = binary.AppendUvarint(b, uint64(e.seen))
	b = binary.AppendUvarint(b, uint64(len(e.nodes)))
	for i := range e.nodes {
		n := &e.nodes[i]
		b = binary.AppendUvarint(b, n.prefix)
		b = binary.AppendUvarint(b, uint64(n.before))
		b = binary.AppendUvarint(b, uint64(len(n.ranks)))
		for _, r := range n.ranks {
			b = binary.AppendUvarint(b, uint64(r))
		}
		b = append(b, flagByte(n.counts != nil))
		if n.counts != nil {
			for _, c := range n.counts {
				b = binary.AppendUvarint(b, uint64(c))
			}
			continue
		}
		values := slices.Clone(n.values)
		slices.Sort(values)
		b = appendKeys(b, values)
	}
	ranks := make([]int64, 0, len(e.found))
	for r := range e.found {
		ranks = append(ranks, r)
	}
	slices.Sort(ranks)
	b = binary.AppendUvarint(b, uint64(len(ranks)))
	for _, r := range ranks {
		b = binary.LittleEndian.AppendUint64(binary.AppendUvarint(b, uint64(r)), e.found[r])
	}
	return b, nil
}

// UnmarshalBinary replaces the sketch by the one that b describes.
func (e *ExactQuantiles) UnmarshalBinary(b []byte) error {
	r := open("ExactQuantiles", b, exactKind, exactVersion)
	x := ExactQuantiles{ready: r.flag(), depth: int(r.byte())}
	if x.depth > 64 || x.depth%16 != 0 {
		r.fail("prefixes of %d bits", x.depth)
	}
	if n := r.length(8); n > 0 {
		x.q = r.floats(n)
	}
	for _, q := range x.q {
		if !(q >= 0 && q <= 1) {
			r.fail("quantile %v", q)
		}
	}
	x.n, x.seen = r.count(), r.count()
	nodes := r.length(5)
	if nodes > 3*len(x.q) || x.depth == 0 && x.ready && nodes > 1 || x.depth == 64 && nodes > 0 {
		r.fail("%d prefixes of %d bits for %d quantiles", nodes, x.depth, len(x.q))
	}
	for i := 0; i < nodes && r.err == nil; i++ {
		n := exactNode{prefix: r.uvarint(), before: r.count()}
		if n.prefix>>x.depth != 0 || i > 0 && n.prefix <= x.nodes[i-1].prefix {
			r.fail("prefixes out of order")
		}
		for range r.length(1) {
			n.ranks = append(n.ranks, r.count())
		}
		if !slices.IsSorted(n.ranks) {
			r.fail("ranks out of order")
		}
		if r.flag() {
			if len(r.b) < 1<<16 {
				r.fail("%d bytes of counts, want at least %d", len(r.b), 1<<16)
				break
			}
			n.counts = make([]int64, 1<<16)
			for j := range n.counts {
				n.counts[j] = r.count()
			}
		} else if n.values = r.keys(); len(n.values) > exactKeep {
			r.fail("%d values, want at most %d", len(n.values), exactKeep)
		}
		for _, k := range n.values {
			if x.depth > 0 && k>>(64-x.depth) != n.prefix {
				r.fail("a value without its prefix")
				break
			}
		}
		x.nodes = append(x.nodes, n)
	}
	for range r.length(9) {
		rank := r.count()
		key := r.uint64()
		if x.found == nil {
			x.found = make(map[int64]uint64)
		}
		if r.err == nil {
			x.found[rank] = key
		}
	}
	if !x.ready && (nodes > 0 || len(x.q) > 0) {
		r.fail("no quantiles, but prefixes")
	}
	if err := r.close(); err != nil {
		return err
	}
	*e = x
	return nil
}
