package preprocess

import (
	"math"

	"howdah/internal/onnx"
)

// finite makes the infinities missing values. It stands in every chain of numbers that has no clip: a model in service
// meets infinities even where the training rows had none.
type finite struct{}

func (finite) Apply(v *Values) {
	for i, x := range v.Num[:v.N] {
		if x-x != 0 {
			v.Num[i] = math.NaN()
		}
	}
}

func (finite) Export(g *onnx.Graph, n *Node) {
	n.V = g.Where(g.Greater(g.Abs(n.V), g.Double(math.MaxFloat64)), g.Double(math.NaN()), n.V)
}

func (finite) String() string { return "infinite is missing" }

// indicator notes which values are missing, before anything takes their place.
type indicator struct{}

func (indicator) Apply(v *Values) {
	for i := range v.N {
		v.flag[i] = v.missing(i)
	}
}

func (indicator) Export(g *onnx.Graph, n *Node) {
	switch n.Type {
	case Numbers:
		n.Flag = g.IsNaN(n.V)
	case Integers:
		n.Flag = g.Equal(n.V, g.Int64(NoInt))
	default:
		n.Flag = g.Equal(g.LabelEncoder(n.V, []string{""}, []int64{1}, 0), g.Int64(1))
	}
}

func (indicator) String() string { return "indicator" }
