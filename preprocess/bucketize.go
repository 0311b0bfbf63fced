package preprocess

import (
	"fmt"
	"math"

	"howdah/internal/onnx"
)

func init() {
	Register[bucketized](Doc{SlotEncode, "bucketize",
		"The code is how many edges are at most the number (numpy.digitize). The edges are given, or quantiles of the training rows, of which equal ones are one. Missing has a code of its own, the last, where training rows miss any, and none otherwise. sklearn.preprocessing.KBinsDiscretizer(strategy=\"quantile\").", nil, "edges"}, &Bucketize{})
}

// Bucketize cuts numbers into buckets.
type Bucketize struct {
	quantiles `json:"sketch"`
	Edges     []float64 `yaml:"edges" json:"edges,omitempty" doc:"ascending borders: n edges make n+1 buckets"`
	Quantiles int       `yaml:"quantiles" json:"quantiles,omitempty" doc:"how many buckets of about equally many training rows"`
}

const maxEdges = 4096

func (o *Bucketize) String() string {
	if o.Quantiles > 0 {
		return fmt.Sprintf("bucketize into %d by quantiles", o.Quantiles)
	}
	return fmt.Sprintf("bucketize by %d edges", len(o.Edges))
}

// Check wants edges or a number of buckets.
func (o *Bucketize) Check(in ValueType) (ValueType, error) {
	switch {
	case o.Quantiles == 0 && len(o.Edges) == 0:
		return 0, fieldErrorf("edges", "missing: give edges, or quantiles (how many buckets)")
	case o.Quantiles != 0 && o.Edges != nil:
		return 0, fieldErrorf("quantiles", "give either edges or quantiles")
	case o.Edges == nil && (o.Quantiles < 2 || o.Quantiles > maxEdges):
		return 0, fieldErrorf("quantiles", "want 2 to %d buckets, have %d", maxEdges, o.Quantiles)
	case len(o.Edges) > maxEdges:
		return 0, fieldErrorf("edges", "want at most %d, have %d", maxEdges, len(o.Edges))
	}
	for i, e := range o.Edges {
		if i > 0 && e <= o.Edges[i-1] {
			return 0, fieldErrorf(fmt.Sprintf("edges[%d]", i), "must be above the one before: %v after %v", e, o.Edges[i-1])
		}
	}
	if in != Numbers {
		return 0, fieldErrorf("", "works on numbers; these are %s", in)
	}
	return Codes, nil
}

// shares are 0, for the least value, and the borders.
func (o *Bucketize) shares() []float64 {
	out := make([]float64, max(o.Quantiles, 1))
	for i := range out {
		out[i] = float64(i) / float64(max(o.Quantiles, 1))
	}
	return out
}

// Fit cuts at the quantiles. Missing values are counted by the engine.
func (o *Bucketize) Fit(s *Quantiles, seen Seen) (Fitted, error) {
	f := &bucketized{Edges: o.Edges, Missing: seen.Missing > 0 && seen.Through(nan) != seen.Through(nan)}
	if o.Quantiles > 0 {
		q, err := s.at(o.shares()...)
		if err != nil {
			return nil, err
		}
		least := seen.Through(q[0])
		for _, e := range q[1:] {
			e = seen.Through(e)
			if n := len(f.Edges); n == 0 && e > least || n > 0 && e > f.Edges[n-1] {
				f.Edges = append(f.Edges, e)
			}
		}
	}
	return f, nil
}

// bucketized is #{e in Edges: e <= x}.
type bucketized struct {
	Edges   []float64 `json:"edges"`
	Missing bool      `json:"missing,omitempty"` // missing has a code
}

func (f *bucketized) restored() error {
	for i, e := range f.Edges {
		if e != e || i > 0 && e <= f.Edges[i-1] {
			return fmt.Errorf("edges do not ascend")
		}
	}
	return nil
}

func (f *bucketized) takes(t ValueType) bool { return t == Numbers }
func (f *bucketized) String() string         { return fmt.Sprintf("bucket among %d", len(f.Edges)+1) }

func (f *bucketized) size() (int, []string) {
	var names []string
	for i := range len(f.Edges) + 1 {
		lo, hi := -inf, inf
		if i > 0 {
			lo = f.Edges[i-1]
		}
		if i < len(f.Edges) {
			hi = f.Edges[i]
		}
		names = append(names, fmt.Sprintf("[%.6g, %.6g)", lo, hi))
	}
	if f.Missing {
		names = append(names, "(missing)")
	}
	return len(names), names
}

func (f *bucketized) Apply(v *Values) {
	v.Type = Codes
	missing := int32(len(f.Edges) + 1) // the missing one's code, or none
	for i, x := range v.Num[:v.N] {
		if x != x {
			v.Code[i] = missing
			continue
		}
		v.Code[i] = int32(binOf(f.Edges, x))
	}
}

func (f *bucketized) Export(g *onnx.Graph, n *Node) {
	missing := g.IsNaN(n.V)
	code := g.Int64(0)
	if len(f.Edges) > 0 {
		edges := g.Constant(onnx.Tensor{Type: onnx.Double, Shape: []int{len(f.Edges)}, Doubles: f.Edges})
		code = g.Cast(g.ReduceSum(g.Cast(g.GreaterOrEqual(n.V, edges), onnx.Float)), onnx.Int64)
	}
	n.V, n.Type = g.Where(missing, g.Int64(int64(len(f.Edges)+1)), code), Codes
}

var nan, inf = math.NaN(), math.Inf(1)

const maxDouble = math.MaxFloat64
