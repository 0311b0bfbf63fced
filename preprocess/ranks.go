package preprocess

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
)

// Exact quantiles take four passes. Doubles are ordered like the 64-bit keys of orderedKey; each pass counts, for every rank
// asked for, how the values that share the key's known digits (of 16 bits) have the next one. Counts merge exactly in any
// order, and memory is 512 KiB a pass and rank at most, whatever the number of rows.

const (
	rankPasses = 4
	rankBits   = 16
	rankCells  = 1 << rankBits
)

// ranks counts the values whose leading digits are known.
type ranks struct {
	Depth   int          `json:"depth"` // digits known
	Count   int64        `json:"count"` // of all values; known after the first pass
	Targets []rankTarget `json:"targets,omitempty"`
	prefix  []uint64     // ascending and distinct: of the targets
	cells   [][]int64    // by prefix
}

// rankTarget is a value that is looked for: the one of a rank from 0.
type rankTarget struct {
	Rank   int64  `json:"rank"`
	Prefix uint64 `json:"prefix"` // its key's leading digits
	Below  int64  `json:"below"`  // how many values are below all that share them
}

// newRanks returns an empty count of a pass; known is what the pass before it found, nil for the first.
func newRanks(known *ranks) *ranks {
	r := &ranks{prefix: []uint64{0}}
	if known != nil {
		r.Depth, r.Count, r.Targets, r.prefix = known.Depth, known.Count, known.Targets, nil
		for _, t := range r.Targets {
			r.prefix = append(r.prefix, t.Prefix)
		}
		slices.Sort(r.prefix)
		r.prefix = slices.Compact(r.prefix)
	}
	r.cells = make([][]int64, len(r.prefix))
	return r
}

// orderedKey is a key that is ordered as the doubles are; 0 and -0 are the same.
func orderedKey(x float64) uint64 {
	b := math.Float64bits(x + 0)
	return b ^ (uint64(int64(b)>>63) | 1<<63)
}

func fromKey(k uint64) float64 {
	if k>>63 != 0 {
		return math.Float64frombits(k &^ (1 << 63))
	}
	return math.Float64frombits(^k)
}

// update counts finite values.
func (r *ranks) update(x []float64) {
	shift := 64 - rankBits*(r.Depth+1)
	for _, v := range x {
		if v-v != 0 {
			continue
		}
		if r.Depth == 0 {
			r.Count++
		}
		k := orderedKey(v) >> shift
		at := 0
		if r.Depth > 0 {
			var ok bool
			if at, ok = slices.BinarySearch(r.prefix, k>>rankBits); !ok {
				continue
			}
		}
		if r.cells[at] == nil {
			r.cells[at] = make([]int64, rankCells)
		}
		r.cells[at][k&(rankCells-1)]++
	}
}

func (r *ranks) merge(o *ranks) error {
	if r.Depth != o.Depth || !slices.Equal(r.prefix, o.prefix) {
		return errors.New("counts of different ranks cannot be merged")
	}
	if r.Depth == 0 {
		r.Count += o.Count
	}
	for i, c := range o.cells {
		if c == nil {
			continue
		}
		if r.cells[i] == nil {
			r.cells[i] = make([]int64, rankCells)
		}
		for k, n := range c {
			r.cells[i][k] += n
		}
	}
	return nil
}

// next returns what this pass found of the ranks that the shares need: a digit more of each.
func (r *ranks) next(shares []float64) (*ranks, error) {
	if r.Count == 0 {
		return nil, errNoValue
	}
	targets := r.Targets
	if r.Depth == 0 {
		for _, s := range shares {
			lo, hi, _ := rankOf(s, r.Count)
			targets = append(targets, rankTarget{Rank: lo}, rankTarget{Rank: hi})
		}
		slices.SortFunc(targets, func(a, b rankTarget) int { return int(min(max(a.Rank-b.Rank, -1), 1)) })
		targets = slices.Compact(targets)
	}
	out := &ranks{Depth: r.Depth + 1, Count: r.Count}
	for _, t := range targets {
		at, ok := slices.BinarySearch(r.prefix, t.Prefix)
		if !ok || r.cells[at] == nil {
			return nil, fmt.Errorf("rank %d of %d is not among the counts", t.Rank, r.Count)
		}
		found := false
		for k, n := range r.cells[at] {
			if t.Rank < t.Below+n {
				t.Prefix, found = t.Prefix<<rankBits|uint64(k), true
				break
			}
			t.Below += n
		}
		if !found {
			return nil, fmt.Errorf("the rows of rank %d of %d have changed between passes", t.Rank, r.Count)
		}
		out.Targets = append(out.Targets, t)
	}
	return out, nil
}

// rankOf returns the two ranks between which the quantile of a share lies, and how far: numpy's "linear".
func rankOf(share float64, n int64) (lo, hi int64, part float64) {
	x := float64(share * float64(n-1))
	lo = int64(math.Floor(x))
	return lo, min(lo+1, n-1), x - math.Floor(x)
}

// at returns the quantiles after the last pass.
func (r *ranks) at(shares []float64) ([]float64, error) {
	last, err := r.next(shares)
	if err != nil {
		return nil, err
	}
	if last.Depth != rankPasses {
		return nil, fmt.Errorf("exact quantiles after %d of %d passes", last.Depth, rankPasses)
	}
	value := func(rank int64) (float64, error) {
		i := sort.Search(len(last.Targets), func(i int) bool { return last.Targets[i].Rank >= rank })
		if i == len(last.Targets) || last.Targets[i].Rank != rank {
			return 0, fmt.Errorf("rank %d was not looked for", rank)
		}
		return fromKey(last.Targets[i].Prefix), nil
	}
	out := make([]float64, len(shares))
	for i, s := range shares {
		lo, hi, part := rankOf(s, r.Count)
		a, err := value(lo)
		if err != nil {
			return nil, err
		}
		b, err := value(hi)
		if err != nil {
			return nil, err
		}
		// numpy's _lerp: from the nearer end, so that both ends are met exactly.
		if d := b - a; part >= 0.5 {
			out[i] = b - float64(d*(1-part))
		} else {
			out[i] = a + float64(d*part)
		}
	}
	return out, nil
}

// appendBinary appends depth, count, targets and the cells that are not 0.
func (r *ranks) appendBinary(b []byte) []byte {
	b = append(b, byte(r.Depth))
	b = binary.AppendUvarint(b, uint64(r.Count))
	b = binary.AppendUvarint(b, uint64(len(r.Targets)))
	for _, t := range r.Targets {
		b = binary.AppendUvarint(b, uint64(t.Rank))
		b = binary.AppendUvarint(b, t.Prefix)
		b = binary.AppendUvarint(b, uint64(t.Below))
	}
	for _, c := range r.cells {
		used := 0
		for _, n := range c {
			if n > 0 {
				used++
			}
		}
		b = binary.AppendUvarint(b, uint64(used))
		last := -1
		for k, n := range c {
			if n > 0 {
				b = binary.AppendUvarint(b, uint64(k-last-1))
				b = binary.AppendUvarint(b, uint64(n))
				last = k
			}
		}
	}
	return b
}

var errDamagedRanks = errors.New("damaged counts of ranks")

// readRanks reads what appendBinary wrote.
func readRanks(b []byte) (*ranks, error) {
	bad := false
	next := func() uint64 {
		x, n := binary.Uvarint(b)
		if n <= 0 {
			bad = true
			return 0
		}
		b = b[n:]
		return x
	}
	if len(b) == 0 || b[0] >= rankPasses {
		return nil, errDamagedRanks
	}
	known := &ranks{Depth: int(b[0])}
	b = b[1:]
	known.Count = int64(next())
	n := next()
	if n > uint64(len(b)/3) || (known.Depth == 0) != (n == 0) {
		return nil, errDamagedRanks
	}
	for range n {
		known.Targets = append(known.Targets, rankTarget{int64(next()), next(), int64(next())})
	}
	var r *ranks
	if known.Depth == 0 {
		r = newRanks(nil)
		r.Count = known.Count
	} else {
		r = newRanks(known)
	}
	for i := range r.cells {
		used := next()
		if bad || used > uint64(len(b)/2) {
			return nil, errDamagedRanks
		}
		at := -1
		for range used {
			at += int(next()&(rankCells-1)) + 1
			if bad || at >= rankCells {
				return nil, errDamagedRanks
			}
			if r.cells[i] == nil {
				r.cells[i] = make([]int64, rankCells)
			}
			r.cells[i][at] = int64(next() & math.MaxInt64)
		}
	}
	if bad || len(b) > 0 || r.Count < 0 {
		return nil, errDamagedRanks
	}
	return r, nil
}
