// Compile turns a graph into a program over blocks of rows: it checks each node's types, widths and attributes, and gives
// every value a buffer.

package onnx

import (
	"fmt"
	"sync"
)

// Limits of a program. A graph beyond them is refused, so that a hostile one cannot exhaust memory.
const (
	maxWidth     = 1 << 20 // columns of a value
	maxBuffers   = 1 << 30 // bytes of all buffers of one Run
	blockRows    = 1024    // rows of a block, fewer where values are wide:
	blockNumbers = 1 << 16 // elements of the widest value in a block
)

// Program is a compiled graph. It is immutable and safe for concurrent use; each Run takes a set of buffers from a pool.
type Program struct {
	inputs, outputs []port
	steps           []step
	slots           []slot
	block           int // rows of a block
	pool            sync.Pool
}

type port struct {
	Value
	slot int
}

type step struct {
	name string // for errors
	run  exec
}

// exec computes one node over the n rows of the block that starts at row s.row.
type exec func(s *state, n int) error

// slot is a buffer of block x width elements, used by one value after another. A borrowed one is the caller's own data.
type slot struct {
	typ      DType
	width    int
	borrowed bool
}

// operand is what a node reads.
type operand struct {
	name   string
	typ    DType
	width  int
	vector bool // [N], not [N,width]
	slot   int
	konst  *Const // a constant, which has no slot
}

func (o operand) String() string {
	if o.konst != nil {
		return fmt.Sprintf("%q %v%s", o.name, o.typ, dims(o.konst.Shape))
	}
	if o.vector {
		return fmt.Sprintf("%q %v[N]", o.name, o.typ)
	}
	return fmt.Sprintf("%q %v[N,%d]", o.name, o.typ, o.width)
}

type compiler struct {
	p       *Program
	values  map[string]operand
	root    map[string]string // the value whose buffer this one shares
	lastUse map[string]int    // by root: the last node that reads it
	free    map[slot][]int
	scratch map[scratchKey]int
	bytes   int64 // per row, of all slots

	n    *Node
	in   []operand
	seen int // attributes of n that were asked for
}

type scratchKey struct {
	typ DType
	k   int
}

// Compile checks the graph and prepares it for Run. An error names the node. The program reads the graph's constants where
// they lie: they must not be changed afterwards.
func Compile(g *Graph) (*Program, error) {
	p, _, err := compile(g)
	return p, err
}

// compile also returns what it found out about each value.
func compile(g *Graph) (*Program, map[string]operand, error) {
	c := &compiler{
		p: &Program{}, values: make(map[string]operand, len(g.Inputs)+len(g.Consts)+len(g.Nodes)),
		root: map[string]string{}, lastUse: map[string]int{}, free: map[slot][]int{}, scratch: map[scratchKey]int{},
	}
	for _, v := range g.Inputs {
		if v.Width != 1 || v.Const {
			return nil, nil, fmt.Errorf("input %q: want a column [N,1], have %v", v.Name, v)
		}
		if !known(v.Type) {
			return nil, nil, fmt.Errorf("input %q: %v is not a type of columns", v.Name, v.Type)
		}
		s := c.newSlot(slot{v.Type, 1, true})
		if err := c.define(operand{name: v.Name, typ: v.Type, width: 1, slot: s}); err != nil {
			return nil, nil, fmt.Errorf("input %q: %w", v.Name, err)
		}
		c.p.inputs = append(c.p.inputs, port{v, s})
	}
	for i := range g.Consts {
		k := &g.Consts[i]
		if err := k.check(); err != nil {
			return nil, nil, fmt.Errorf("constant %q: %w", k.Name, err)
		}
		w := 1
		if len(k.Shape) > 0 {
			w = k.Shape[len(k.Shape)-1]
		}
		if err := c.define(operand{name: k.Name, typ: k.Type, width: w, konst: k}); err != nil {
			return nil, nil, fmt.Errorf("constant %q: %w", k.Name, err)
		}
	}
	c.uses(g)
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if err := c.node(i, n); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", nodeName(i, n), err)
		}
	}
	if len(g.Outputs) == 0 {
		return nil, nil, fmt.Errorf("graph %q has no output", g.Name)
	}
	names := map[string]bool{}
	for _, v := range g.Outputs {
		o, ok := c.values[v.Name]
		switch {
		case names[v.Name]:
			return nil, nil, fmt.Errorf("output %q: declared twice", v.Name)
		case !ok || o.konst != nil:
			return nil, nil, fmt.Errorf("output %q: no node yields it", v.Name)
		case o.typ != v.Type || o.vector || o.width != v.Width:
			return nil, nil, fmt.Errorf("output %q: declared as %v[N,%d], is %v", v.Name, v.Type, v.Width, o)
		}
		names[v.Name] = true
		c.p.outputs = append(c.p.outputs, port{v, o.slot})
	}
	widest := 1
	for _, s := range c.p.slots {
		if !s.borrowed {
			widest = max(widest, s.width)
		}
	}
	c.p.block = min(blockRows, max(8, blockNumbers/widest))
	if n := c.bytes * int64(c.p.block); n > maxBuffers {
		return nil, nil, fmt.Errorf("graph %q needs buffers of %d MiB, more than %d", g.Name, n>>20, maxBuffers>>20)
	}
	return c.p, c.values, nil
}

// nodeName names a node by its output, which is unique, and its place.
func nodeName(i int, n *Node) string {
	out, op := "", n.Op
	if n.Domain != "" {
		op = n.Domain + "." + op
	}
	if len(n.Out) > 0 {
		out = n.Out[0]
	}
	return fmt.Sprintf("node %d, %s %q", i, op, out)
}

// uses finds out which values share a buffer and when each is read last.
func (c *compiler) uses(g *Graph) {
	find := func(name string) string {
		if r, ok := c.root[name]; ok {
			return r
		}
		return name
	}
	for i, n := range g.Nodes {
		for _, in := range n.In {
			c.lastUse[find(in)] = i
		}
		if (n.Op == "Identity" || n.Op == "Reshape") && len(n.In) > 0 && len(n.Out) == 1 {
			c.root[n.Out[0]] = find(n.In[0])
		}
	}
	for _, v := range g.Outputs {
		c.lastUse[find(v.Name)] = len(g.Nodes)
	}
}

func (c *compiler) define(o operand) error {
	if o.name == "" {
		return fmt.Errorf("a value without a name")
	}
	if _, ok := c.values[o.name]; ok {
		return fmt.Errorf("the name %q is taken by another value", o.name)
	}
	c.values[o.name] = o
	return nil
}

func (c *compiler) newSlot(s slot) int {
	c.p.slots = append(c.p.slots, s)
	if !s.borrowed {
		c.bytes += int64(s.width) * elemSize(s.typ)
	}
	return len(c.p.slots) - 1
}

func elemSize(t DType) int64 {
	switch t {
	case Bool:
		return 1
	case Float, Int32, UInt32:
		return 4
	case String:
		return 24
	}
	return 8
}

func (c *compiler) node(i int, n *Node) error {
	build, ok := operators[n.Domain+"/"+n.Op]
	if !ok {
		return errOperator
	}
	if len(n.Out) != 1 {
		return fmt.Errorf("want one output, have %d", len(n.Out))
	}
	c.n, c.in, c.seen = n, nil, 0
	for _, name := range n.In {
		o, ok := c.values[name]
		if !ok {
			return fmt.Errorf("operand %q is not computed before it", name)
		}
		c.in = append(c.in, o)
	}
	out, run, err := build(c)
	if err != nil {
		return err
	}
	if c.seen != len(n.Attrs) {
		return fmt.Errorf("has attributes beyond those known here: %s", attrNames(n.Attrs))
	}
	out.name = n.Out[0]
	if err := c.define(out); err != nil {
		return err
	}
	if run != nil {
		c.p.steps = append(c.p.steps, step{nodeName(i, n), run})
	}
	// Buffers whose values are read for the last time here serve again.
	for _, in := range c.in {
		r := in.name
		if root, ok := c.root[r]; ok {
			r = root
		}
		if in.konst == nil && c.lastUse[r] == i {
			c.lastUse[r] = -1 // it may stand there twice
			c.release(in.slot)
		}
	}
	if _, shares := c.root[out.name]; !shares {
		if _, used := c.lastUse[out.name]; !used {
			c.release(out.slot)
		}
	}
	return nil
}

func (c *compiler) release(i int) {
	if s := c.p.slots[i]; !s.borrowed {
		c.free[s] = append(c.free[s], i)
	}
}

// out gives the node's result a buffer.
func (c *compiler) out(t DType, width int) (operand, error) {
	if width < 1 || width > maxWidth {
		return operand{}, fmt.Errorf("its outcome would have %d columns, want 1 to %d", width, maxWidth)
	}
	s := slot{t, width, false}
	o := operand{typ: t, width: width}
	if f := c.free[s]; len(f) > 0 {
		o.slot, c.free[s] = f[len(f)-1], f[:len(f)-1]
	} else {
		o.slot = c.newSlot(s)
	}
	return o, nil
}

// scratchSlot is a buffer of at least width columns in which operand k is laid out; its content lives during one node.
func (c *compiler) scratchSlot(t DType, k, width int) int {
	key := scratchKey{t, k}
	i, ok := c.scratch[key]
	if !ok {
		i = c.newSlot(slot{t, width, false})
		c.scratch[key] = i
	}
	if s := &c.p.slots[i]; s.width < width {
		c.bytes += int64(width-s.width) * elemSize(t)
		s.width = width
	}
	return i
}

// Helpers for the operators' builders.

func (c *compiler) operands(n int) error {
	if len(c.in) != n {
		return fmt.Errorf("want %d operands, have %d", n, len(c.in))
	}
	return nil
}

// typed checks that operand i has one of the types.
func (c *compiler) typed(i int, types ...DType) error {
	for _, t := range types {
		if c.in[i].typ == t {
			return nil
		}
	}
	return fmt.Errorf("operand %v: want %v", c.in[i], types)
}

// matrix checks that operand i depends on the rows and is [N,width].
func (c *compiler) matrix(i int) error {
	if o := c.in[i]; o.konst != nil || o.vector {
		return fmt.Errorf("operand %v: want a value [N,width]", o)
	}
	return nil
}

// constant returns operand i's data, which must have that type and rank.
func (c *compiler) constant(i int, t DType, rank int) (*Const, error) {
	if o := c.in[i]; o.konst == nil || o.typ != t || len(o.konst.Shape) != rank {
		return nil, fmt.Errorf("operand %v: want a constant %v of rank %d", o, t, rank)
	}
	return c.in[i].konst, nil
}

func (c *compiler) attr(name string) (any, bool) {
	for _, a := range c.n.Attrs {
		if a.Name == name {
			c.seen++
			return a.Value, true
		}
	}
	return nil, false
}

// fixed checks that an attribute, where it is given, has the one value that is evaluated here. Without it, ONNX's default is
// missing, which must be that value too unless needed.
func (c *compiler) fixed(name string, want any, needed bool) error {
	v, ok := c.attr(name)
	if !ok && needed || ok && v != want {
		return fmt.Errorf("attribute %s: want %v, have %v", name, want, v)
	}
	return nil
}

func attrNames(as []Attr) string {
	s := ""
	for i, a := range as {
		if i > 0 {
			s += ", "
		}
		s += a.Name
	}
	return s
}
