package train

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"howdah/internal/splitmix"
	"howdah/internal/table"
)

// Block is a named part of the parameter vector: [Rows, Width] at Offset. A sparse block is a table with a row for each code;
// a batch touches few of them.
type Block struct {
	Name        string `json:"name"`
	Rows        int    `json:"rows"`
	Width       int    `json:"width"`
	Offset      int    `json:"-"`
	Sparse      bool   `json:"sparse,omitempty"`
	Bias        bool   `json:"-"`
	initialises float64
}

func (b Block) size() int { return b.Rows * b.Width }

// lookup is a code slot with its table.
type lookup struct {
	slot, size, width int
	block             int
	column            int // embeddings: where in the first layer's input
}

// placed is a layer with its range of the parameter vector.
type placed struct {
	Layer
	name   string
	lo, hi int
	shape  []int
}

// plan is a model before it has numbers: blocks and layers.
//
// The input of the first layer is the dense slots followed by the embeddings. One-hot slots are never spelt out: each has
// a table of rows that are added to the first layer's outcome, y = x·W + b + Σ table[code], in slot order. The code
// "none" adds a row of zeros.
type plan struct {
	cfg     Config
	layout  table.Layout
	classes int
	outputs int
	blocks  []Block // the dense ones first
	dense   int     // parameters in dense blocks
	params  int
	input   []int // shape of the first layer's input
	layers  []placed
	embeds  []lookup
	oneHots []lookup
}

// Classes is the number of a label's classes, 0 for a quantity: what Resolve asks for.
func Classes(l table.Layout) int { return len(l.Classes) }

func newPlan(cfg Config, l table.Layout) (*plan, error) {
	cfg, err := cfg.Resolve(Classes(l))
	if err != nil {
		return nil, err
	}
	p := &plan{cfg: cfg, layout: l, classes: Classes(l), outputs: 1}
	if cfg.Loss.Type == "categorical_cross_entropy" {
		p.outputs = p.classes
	}
	if len(l.Dense) == 0 && len(l.Codes) == 0 {
		return nil, errors.New("the layout has no features: there is nothing to learn from")
	}
	width := len(l.Dense)
	for i, c := range l.Codes {
		switch {
		case c.Size < 0 || c.Size >= math.MaxInt32:
			return nil, fmt.Errorf("feature %q: %d codes, want between 0 and %d", c.Feature, c.Size, math.MaxInt32-1)
		case c.Dim < 0 || c.Dim > 1<<16:
			return nil, fmt.Errorf("feature %q: an embedding of width %d, want between 0 and %d", c.Feature, c.Dim, 1<<16)
		case c.Dim > 0:
			p.embeds = append(p.embeds, lookup{slot: i, size: c.Size, width: c.Dim, column: width})
			width += c.Dim
		default:
			p.oneHots = append(p.oneHots, lookup{slot: i, size: c.Size})
		}
	}
	p.input = []int{width}
	// Each row has width numbers and one hit in each one-hot table.
	fanIn := width + len(p.oneHots)
	shape := p.input
	var limit float64 // of the first layer, and so of the one-hot tables
	add := func(name string, layer Layer) error {
		out, params, err := layer.Shape(shape)
		if err != nil {
			return err
		}
		at := placed{layer, name, p.dense, p.dense, out}
		for _, q := range params {
			p.blocks = append(p.blocks, Block{Name: name + "." + q.Name, Rows: q.Rows, Width: q.Width, Offset: at.hi, Bias: q.Bias, initialises: q.Limit})
			at.hi += q.Rows * q.Width
		}
		p.dense = at.hi
		p.layers = append(p.layers, at)
		shape = out
		return nil
	}
	m := cfg.Model
	for i, units := range m.Hidden {
		d := &Dense{Units: units, Limit: initialLimit(m.Activation, fanIn, units)}
		if i == 0 {
			limit, d.Fixed = d.Limit, len(l.Dense)
		}
		n := strconv.Itoa(i + 1)
		if err := add("dense_"+n, d); err != nil {
			return nil, err
		}
		if err := add(m.Activation+"_"+n, &Activation{m.Activation}); err != nil {
			return nil, err
		}
		if m.Dropout > 0 {
			if err := add("dropout_"+n, &Dropout{m.Dropout, uint64(i)}); err != nil {
				return nil, err
			}
		}
		fanIn = units
	}
	last := &Dense{Units: p.outputs}
	if m.Type == "mlp" {
		last.Limit = initialLimit("", fanIn, p.outputs)
	}
	if len(m.Hidden) == 0 {
		limit, last.Fixed = last.Limit, len(l.Dense)
		if len(p.embeds) > 0 {
			// From zero weights no embedding would ever move at first; they do start together.
			last.Limit = initialLimit("", fanIn, p.outputs)
		}
	}
	if err := add("output", last); err != nil {
		return nil, err
	}
	p.params = p.dense
	tables := func(prefix string, ls []lookup, width int, limit float64) {
		for i := range ls {
			t := &ls[i]
			t.block = len(p.blocks)
			if width > 0 {
				t.width = width
			}
			p.blocks = append(p.blocks, Block{Name: prefix + l.Codes[t.slot].Feature, Rows: t.size, Width: t.width, Offset: p.params, Sparse: true, initialises: limit})
			p.params += t.size * t.width
		}
	}
	tables("embedding.", p.embeds, 0, 0.05) // Keras' default
	tables("one_hot.", p.oneHots, product(p.layers[0].shape), limit)
	names := map[string]bool{}
	for i, b := range p.blocks {
		b.Name = strings.ToValidUTF8(b.Name, "\ufffd") // names travel as JSON
		p.blocks[i].Name = b.Name
		if names[b.Name] { // a feature may have several slots
			p.blocks[i].Name = b.Name + "." + strconv.Itoa(i)
		}
		names[p.blocks[i].Name] = true
	}
	return p, nil
}

// initialLimit is the bound of uniform initial weights: He et al. 2015 before relu and gelu, Glorot and Bengio 2010 elsewhere.
func initialLimit(activation string, in, out int) float64 {
	if activation == "relu" || activation == "gelu" {
		return math.Sqrt(6 / float64(max(in, 1)))
	}
	return math.Sqrt(6 / float64(max(in+out, 1)))
}

// initialise fills the parameters: each is a hash of (seed, place in its block, block's name).
func (p *plan) initialise(params []float32) {
	for _, b := range p.blocks {
		if b.initialises == 0 {
			continue
		}
		key := splitmix.Draw(p.cfg.Train.Seed, purposeInit)
		for _, c := range []byte(b.Name) {
			key = splitmix.Draw(key, uint64(c))
		}
		for i := range b.size() {
			params[b.Offset+i] = float32(float64(symmetric(splitmix.Draw(key, uint64(i)))) * b.initialises)
		}
	}
}

// Size is what a model takes.
type Size struct {
	Params     int64 `json:"params"`      // numbers that are learnt
	StateBytes int64 `json:"state_bytes"` // of a snapshot: parameters, optimiser, the best weights
	WorkBytes  int64 `json:"work_bytes"`  // memory of a training model besides: activations, gradients
}

// Estimate says what a model would take, without making it. workers is the size of the pool.
func Estimate(cfg Config, l table.Layout, workers int) (Size, error) {
	p, err := newPlan(cfg, l)
	if err != nil {
		return Size{}, err
	}
	n := int64(p.params)
	chain := NewChain(p.cfg.Optimizer)
	s := Size{Params: n, StateBytes: 4 * n * int64(1+chain.Slots())}
	if e := p.cfg.Train.EarlyStopping; e != nil && *e.RestoreBest {
		s.StateBytes += 4 * n
	}
	batch := int64(p.cfg.Train.BatchSize)
	var perRow int64
	if len(p.embeds) > 0 {
		perRow = 2 * int64(p.input[0])
	}
	for _, l := range p.layers {
		perRow += 2 * int64(product(l.shape))
	}
	s.WorkBytes = 4 * batch * (perRow + int64(p.outputs) + 2)
	buffers := int64(1)
	if workers > 1 {
		buffers = min((batch+int64(p.cfg.Train.Slice)-1)/int64(p.cfg.Train.Slice), int64(p.group()))
	}
	s.WorkBytes += 4 * int64(p.dense) * (1 + buffers)
	perNumber := int64(1 + chain.Slots())
	if chain.readsParams() {
		perNumber++
	}
	if p.cfg.Optimizer.Type == "gd" {
		perNumber = 1
	}
	for _, b := range p.blocks {
		if b.Sparse {
			s.WorkBytes += 4*int64(b.Rows) + 4*min(batch, int64(b.Rows))*(1+int64(b.Width)*perNumber)
		}
	}
	if p.cfg.Optimizer.Type == "gd" {
		s.WorkBytes += 12 * n
	}
	return s, nil
}

// group is the number of slices whose gradients are held at once.
func (p *plan) group() int { return min(max((16<<20)/max(p.dense, 1), 4), 64) }
