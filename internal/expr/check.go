package expr

import (
	"fmt"
	"howdah/internal/spelling"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"

	"howdah/internal/table"
)

// checker turns a syntax tree into nodes of known types, collecting mistakes.
type checker struct {
	text   []rune
	schema table.Schema
	used   map[string]bool
	errs   Errors
	arena  table.Arena // of folding
	nodes  int         // checked so far
}

// maxNodes bounds the work: a < (b) < c stands for two comparisons with b, which nesting doubles again and again.
const maxNodes = 20000

// bad stands for an expression that has a mistake, so that only the mistake itself is reported.
type bad struct{ node }

func (c *checker) fail(at ast.Node, hint, format string, args ...any) node {
	line, col := 1, 1
	for i := 0; i < at.Location().From && i < len(c.text); i++ {
		if col++; c.text[i] == '\n' {
			line, col = line+1, 1
		}
	}
	e := &Error{line, col, fmt.Sprintf(format, args...), hint}
	for _, old := range c.errs {
		if *old == *e { // a < b < c checks b twice
			return bad{}
		}
	}
	c.errs = append(c.errs, e)
	return bad{}
}

func isBad(nodes ...node) bool {
	for _, n := range nodes {
		if _, ok := n.(bad); ok {
			return true
		}
	}
	return false
}

// fold evaluates a node whose arguments are constants.
func (c *checker) fold(at ast.Node, n node, args ...node) node {
	for _, a := range args {
		if _, ok := a.(*constNode); !ok {
			return n
		}
	}
	c.arena.Reset()
	v, err := n.eval(&batchEnv{n: 1, a: &c.arena}, nil)
	if err != nil {
		return c.fail(at, "", "%v", err)
	}
	out := vec{isConst: true, valid: slices.Clone(v.valid), bools: slices.Clone(v.bools), ints: slices.Clone(v.ints),
		floats: slices.Clone(v.floats)}
	if v.strs != nil {
		out.strs = new(table.Strings)
		out.strs.Append(v.text(0))
	}
	return &constNode{out, n.typ()}
}

func (c *checker) check(n ast.Node) node {
	if c.nodes++; c.nodes > maxNodes {
		if c.nodes == maxNodes+1 {
			return c.fail(n, "", "the expression is too large")
		}
		return bad{}
	}
	switch n := n.(type) {
	case *ast.NilNode:
		return &constNode{missing(kindNull), typ{}}
	case *ast.BoolNode:
		return &constNode{vec{isConst: true, bools: []bool{n.Value}}, typ{kind: kindBool}}
	case *ast.IntegerNode:
		return &constNode{vec{isConst: true, ints: []int64{int64(n.Value)}}, typ{kind: kindInt}}
	case *ast.FloatNode:
		return &constNode{vec{isConst: true, floats: []float64{n.Value}}, typ{kind: kindFloat}}
	case *ast.StringNode:
		return textConst(n.Value)
	case *ast.IdentifierNode:
		return c.column(n, n.Value)
	case *ast.MemberNode:
		if name, ok := memberName(n); ok {
			return c.column(n, name)
		}
		return c.fail(n, "", "only columns are read by name (a, a.b)")
	case *ast.UnaryNode:
		return c.unary(n)
	case *ast.BinaryNode:
		return c.binary(n)
	case *ast.ConditionalNode:
		return c.cond(n, n.Cond, n.Exp1, n.Exp2)
	case *ast.BuiltinNode:
		return c.call(n, n.Name, n.Arguments)
	case *ast.CallNode:
		if f, ok := n.Callee.(*ast.IdentifierNode); ok {
			return c.call(n, f.Value, n.Arguments)
		}
		return c.fail(n, "", "methods cannot be called on columns")
	case *ast.ArrayNode:
		return c.fail(n, "", "a list belongs on the right of in")
	}
	what := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%T", n), "*ast."), "Node")
	return c.fail(n, "", "%s is not part of column expressions", strings.ToLower(what))
}

func textConst(s string) node {
	if s == "" {
		return &constNode{missing(kindString), typ{kind: kindString}}
	}
	t := new(table.Strings)
	t.Append([]byte(s))
	return &constNode{vec{isConst: true, strs: t}, typ{kind: kindString}}
}

// memberName is the column that a.b names.
func memberName(n *ast.MemberNode) (string, bool) {
	prop, ok := n.Property.(*ast.StringNode)
	if !ok || n.Optional || n.Method {
		return "", false
	}
	switch x := n.Node.(type) {
	case *ast.IdentifierNode:
		return x.Value + "." + prop.Value, true
	case *ast.MemberNode:
		name, ok := memberName(x)
		return name + "." + prop.Value, ok
	}
	return "", false
}

func (c *checker) column(at ast.Node, name string) node {
	f, ok := c.schema.Lookup(name)
	if !ok {
		hint := ""
		if near := spelling.Nearest(name, c.schema.Names()); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		switch strings.ToLower(name) {
		case "null", "none", "nan", "na":
			hint = "a missing value is written nil"
		case "true", "false":
			hint = "did you mean " + strings.ToLower(name) + "?"
		}
		return c.fail(at, hint, "no column named %q", name)
	}
	t, ok := typeOf(f)
	if f.List || !ok {
		what := f.Type.String()
		if f.List {
			what = "list"
		}
		return c.fail(at, "", "column %q has type %s, which expressions do not read", name, what)
	}
	c.used[name] = true
	return &columnNode{name, f, t}
}

func (c *checker) unary(n *ast.UnaryNode) node {
	x := c.check(n.Node)
	if isBad(x) {
		return x
	}
	t := x.typ()
	switch n.Operator {
	case "!", "not":
		if t.kind != kindBool {
			return c.fail(n, "", "%s wants a condition, have %s", n.Operator, t)
		}
		return c.fold(n, &notNode{x}, x)
	case "+", "-":
		if !t.number() {
			return c.fail(n, "", "%s wants a number, have %s", n.Operator, t)
		}
		if n.Operator == "+" {
			return x
		}
		return c.fold(n, &negNode{x}, x)
	}
	return c.fail(n, "", "operator %s is not known here", n.Operator)
}

func (c *checker) binary(n *ast.BinaryNode) node {
	if n.Operator == "in" {
		return c.in(n)
	}
	x, y := c.check(n.Left), c.check(n.Right)
	if isBad(x, y) {
		return bad{}
	}
	switch n.Operator {
	case "&&", "and", "||", "or":
		for i, s := range []node{x, y} {
			if s.typ().kind != kindBool {
				at := []ast.Node{n.Left, n.Right}[i]
				return c.fail(at, "", "%s wants conditions, have %s", n.Operator, s.typ())
			}
		}
		return c.fold(n, &andNode{n.Operator == "||" || n.Operator == "or", x, y}, x, y)
	case "==", "!=", "<", "<=", ">", ">=":
		return c.compare(n, n.Operator, x, y)
	case "+", "-", "*", "/", "%", "**", "^":
		return c.arith(n, n.Operator, x, y)
	case "??":
		return c.choice(n, nil, x, y)
	case "contains", "startsWith", "endsWith", "matches":
		return c.test(n, n.Operator, x, y)
	}
	return c.fail(n, "", "operator %s is not known here", n.Operator)
}

// isMissing reports whether a node is the literal nil, or the empty text.
func isMissing(n node) bool {
	k, ok := n.(*constNode)
	return ok && k.null()
}

func (c *checker) compare(n ast.Node, op string, x, y node) node {
	if isMissing(x) {
		x, y, op = y, x, flipped[op]
	}
	if isMissing(y) {
		if op != "==" && op != "!=" {
			return c.fail(n, "use == nil or != nil", "nothing is less or greater than a missing value")
		}
		return c.fold(n, &nilNode{x, op == "!="}, x)
	}
	x, y, ok := c.unify(n, x, y)
	if !ok {
		return bad{}
	}
	if x.typ().kind == kindBool && op != "==" && op != "!=" {
		return c.fail(n, "", "truth values have no order: use == or !=")
	}
	return c.fold(n, &compareNode{op, x, y}, x, y)
}

// unify gives two operands one kind: integers become doubles beside doubles, texts become dates beside dates.
func (c *checker) unify(n ast.Node, x, y node) (node, node, bool) {
	s, t := x.typ(), y.typ()
	switch {
	case s.kind == kindInt && t.kind == kindFloat:
		return c.fold(n, &floatNode{x}, x), y, true
	case s.kind == kindFloat && t.kind == kindInt:
		return x, c.fold(n, &floatNode{y}, y), true
	case s.temporal() && t.kind == kindString:
		y = c.textAs(n, y, s)
		return x, y, !isBad(y)
	case s.kind == kindString && t.temporal():
		x = c.textAs(n, x, t)
		return x, y, !isBad(x)
	case s.temporal() && t.temporal() && (s.kind == kindTime) == (t.kind == kindTime):
		return rescaled(x, t), rescaled(y, s), true
	case s.kind == t.kind:
		return x, y, true
	}
	c.fail(n, "", "cannot put %s beside %s", s, t)
	return nil, nil, false
}

// rescaled is a constant date or time in the finer unit of t, where it fits; else the node itself.
func rescaled(n node, t typ) node {
	k, ok := n.(*constNode)
	if !ok || k.null() || k.t.perDay() >= t.perDay() {
		return n
	}
	v, ok := intArith("*", k.v.ints[0], t.perDay()/k.t.perDay())
	if !ok {
		return n
	}
	return &constNode{vec{isConst: true, ints: []int64{v}}, t}
}

// textAs reads a constant text as a date or time to be put beside one of type t.
func (c *checker) textAs(at ast.Node, n node, t typ) node {
	k, ok := n.(*constNode)
	if !ok {
		return c.fail(at, "", "cannot put text beside %s", t)
	}
	parse := parseDate
	if t.kind == kindTime {
		parse = parseTime
	}
	out, err := parse(string(k.v.text(0)))
	if err != nil {
		return c.fail(at, "", "%v", err)
	}
	return rescaled(out, t)
}

func (c *checker) arith(n ast.Node, op string, x, y node) node {
	s, t := x.typ(), y.typ()
	if s.kind == kindNull || t.kind == kindNull {
		return c.fail(n, "", "%s with nil is always missing", op)
	}
	if s.kind == kindString && t.kind == kindString && op == "+" {
		return c.fold(n, &joinNode{x, y}, x, y)
	}
	if s.temporal() || t.temporal() {
		return c.dateArith(n, op, x, y)
	}
	if !s.number() || !t.number() {
		return c.fail(n, "", "%s wants numbers, have %s and %s", op, s, t)
	}
	if op == "^" {
		op = "**"
	}
	if op == "/" || op == "**" || s.kind != t.kind {
		if op == "%" {
			return c.fail(n, "", "%% wants integers, have %s and %s", s, t)
		}
		if s.kind == kindInt {
			x = c.fold(n, &floatNode{x}, x)
		}
		if t.kind == kindInt {
			y = c.fold(n, &floatNode{y}, y)
		}
	} else if op == "%" && s.kind == kindFloat {
		return c.fail(n, "", "%% wants integers, have %s and %s", s, t)
	}
	return c.fold(n, &arithNode{op, x, y, x.typ()}, x, y)
}

func (c *checker) dateArith(n ast.Node, op string, x, y node) node {
	s, t := x.typ(), y.typ()
	switch {
	case op == "-" && s.temporal() && (t.temporal() || t.kind == kindString) || op == "-" && s.kind == kindString && t.temporal():
		x, y, ok := c.unify(n, x, y)
		if !ok {
			return bad{}
		}
		s, t = x.typ(), y.typ()
		if s.kind == kindDate && t.kind == kindDate {
			return c.fold(n, &arithNode{"-", x, y, typ{kind: kindInt}}, x, y)
		}
		if s == t {
			return c.fold(n, &sinceNode{x, y, s.unit}, x, y)
		}
	case (op == "+" || op == "-") && s.kind == kindDate && t.kind == kindInt:
		return c.fold(n, &arithNode{op, x, y, s}, x, y)
	case op == "+" && s.kind == kindInt && t.kind == kindDate:
		return c.fold(n, &arithNode{op, x, y, t}, x, y)
	}
	return c.fail(n, "", "%s %s %s is not defined", s, op, t)
}

func (c *checker) cond(n, cond, first, second ast.Node) node {
	k, x, y := c.check(cond), c.check(first), c.check(second)
	if isBad(k, x, y) {
		return bad{}
	}
	if k.typ().kind != kindBool {
		return c.fail(cond, "", "a condition is wanted before ?, have %s", k.typ())
	}
	return c.choice(n, k, x, y)
}

// choice is k ? x : y, or x ?? y where k is nil.
func (c *checker) choice(n ast.Node, k, x, y node) node {
	if x.typ().kind == kindNull {
		x = &constNode{missing(y.typ().kind), y.typ()}
	}
	if y.typ().kind == kindNull {
		y = &constNode{missing(x.typ().kind), x.typ()}
	}
	if isMissing(x) && x.typ().kind == kindString && y.typ().temporal() {
		x = &constNode{missing(y.typ().kind), y.typ()}
	}
	if isMissing(y) && y.typ().kind == kindString && x.typ().temporal() {
		y = &constNode{missing(x.typ().kind), x.typ()}
	}
	x, y, ok := c.unify(n, x, y)
	if !ok {
		return bad{}
	}
	if x.typ() != y.typ() {
		return c.fail(n, "", "cannot choose between %s and %s of different units", x.typ(), y.typ())
	}
	if k == nil {
		return c.fold(n, &condNode{nil, x, y, x.typ()}, x, y)
	}
	return c.fold(n, &condNode{k, x, y, x.typ()}, k, x, y)
}

func (c *checker) test(n *ast.BinaryNode, op string, x, y node) node {
	for i, s := range []node{x, y} {
		if s.typ().kind != kindString {
			return c.fail([]ast.Node{n.Left, n.Right}[i], "", "%s wants text, have %s", op, s.typ())
		}
	}
	k, isConst := y.(*constNode)
	if isConst && k.null() {
		return c.fail(n.Right, "", "%s wants a text that is not empty", op)
	}
	out := &testNode{op: op, x: x, y: y}
	switch {
	case op == "matches":
		if !isConst {
			return c.fail(n.Right, "", "matches wants a constant regular expression")
		}
		re, err := regexp.Compile(string(k.v.text(0)))
		if err != nil {
			return c.fail(n.Right, "", "%v", err)
		}
		out.f, out.y = re.Match, nil
	case isConst:
		part := k.v.text(0)
		f := textTests[op]
		out.f, out.y, out.text = func(s []byte) bool { return f(s, part) }, nil, part
	}
	return c.fold(n, out, x, y)
}

// in checks x in [constants], and x in from..to.
func (c *checker) in(n *ast.BinaryNode) node {
	x := c.check(n.Left)
	if r, ok := n.Right.(*ast.BinaryNode); ok && r.Operator == ".." {
		lo, hi := c.check(r.Left), c.check(r.Right)
		if isBad(x, lo, hi) {
			return bad{}
		}
		above := c.compare(n, ">=", x, lo)
		below := c.compare(n, "<=", x, hi)
		if isBad(above, below) {
			return bad{}
		}
		return c.fold(n, &andNode{false, above, below}, above, below)
	}
	list, ok := n.Right.(*ast.ArrayNode)
	if !ok {
		return c.fail(n.Right, "", "in wants a list, as in [1, 2], or a range, as in 1..5")
	}
	if isBad(x) {
		return x
	}
	t := x.typ()
	if t.kind == kindNull {
		return c.fail(n.Left, "", "nil in a list is constant")
	}
	out := &inNode{x: x, ints: map[int64]struct{}{}, floats: map[float64]struct{}{}, texts: map[string]struct{}{}}
	elems := make([]node, len(list.Nodes))
	for i, e := range list.Nodes {
		elems[i] = c.check(e)
		if _, ok := elems[i].(*constNode); !ok {
			if !isBad(elems[i]) {
				c.fail(e, "", "the elements of a list must be constants")
			}
			return bad{}
		}
		if t.kind == kindInt && elems[i].typ().kind == kindFloat {
			t = typ{kind: kindFloat}
			x = c.fold(n, &floatNode{x}, x)
			out.x = x
		}
	}
	for i, e := range elems {
		if isMissing(e) {
			out.null = true
			continue
		}
		_, v, ok := c.unify(list.Nodes[i], x, e)
		if !ok {
			return bad{}
		}
		k := v.(*constNode)
		if t.temporal() && k.t.perDay() != t.perDay() {
			whole, rest := k.v.ints[0], int64(0)
			if ratio := k.t.perDay() / t.perDay(); ratio > 0 {
				whole, rest = whole/ratio, whole%ratio
			} else {
				rest = 1 // does not fit the column's unit
			}
			if rest != 0 {
				continue // no value of the column equals it
			}
			k = &constNode{vec{isConst: true, ints: []int64{whole}}, t}
		}
		switch {
		case t.kind == kindString:
			out.texts[string(k.v.text(0))] = struct{}{}
		case t.kind == kindFloat:
			out.floats[k.v.floats[0]] = struct{}{}
		case t.kind == kindBool:
			if k.v.bools[0] {
				out.bools[1] = true
			} else {
				out.bools[0] = true
			}
		default:
			out.ints[k.v.ints[0]] = struct{}{}
		}
		out.list = append(out.list, constBound(k.v))
	}
	return c.fold(n, out, x)
}

// call checks a function by name.
func (c *checker) call(n ast.Node, name string, argNodes []ast.Node) node {
	f, ok := functions[name]
	if !ok {
		hint := ""
		if near := spelling.Nearest(name, functionNames); near != "" {
			hint = fmt.Sprintf("did you mean %s?", near)
		}
		return c.fail(n, hint, "no function named %s", name)
	}
	if len(argNodes) < f.min || f.max >= 0 && len(argNodes) > f.max {
		return c.fail(n, "", "%s wants %s, have %d", name, f.wants(), len(argNodes))
	}
	if name == "column" || name == "date" {
		s, ok := argNodes[0].(*ast.StringNode)
		switch {
		case !ok:
			return c.fail(argNodes[0], "", "%s wants a constant text", name)
		case name == "column":
			return c.column(n, s.Value)
		}
		d, err := parseDate(s.Value)
		if err != nil {
			return c.fail(argNodes[0], "", "%v", err)
		}
		return d
	}
	args := make([]node, len(argNodes))
	for i, a := range argNodes {
		args[i] = c.check(a)
	}
	if isBad(args...) {
		return bad{}
	}
	for i, a := range args {
		t := a.typ()
		if isPart(name) {
			clock := name == "hour" || name == "minute"
			if !t.temporal() || clock && t.kind == kindDate || !clock && t.kind == kindTime {
				return c.fail(argNodes[i], "", "%s has no %s", t, name)
			}
			continue
		}
		if f.text && t.kind != kindString {
			return c.fail(argNodes[i], "", "%s wants text, have %s", name, t)
		}
		if !f.text && !t.number() {
			return c.fail(argNodes[i], "", "%s wants a number, have %s", name, t)
		}
	}
	return c.apply(n, name, argNodes, args)
}

func (c *checker) apply(n ast.Node, name string, at []ast.Node, args []node) node {
	x := args[0]
	if isPart(name) {
		return c.fold(n, &partNode{name, x}, x)
	}
	switch name {
	case "hasPrefix", "hasSuffix":
		op := map[string]string{"hasPrefix": "startsWith", "hasSuffix": "endsWith"}[name]
		b := &ast.BinaryNode{Operator: op, Left: at[0], Right: at[1]}
		b.SetLocation(n.Location())
		return c.test(b, op, x, args[1])
	case "len":
		return c.fold(n, &lenNode{x}, x)
	case "float":
		if x.typ().kind == kindFloat {
			return x
		}
		return c.fold(n, &floatNode{x}, x)
	case "int":
		if x.typ().kind == kindInt {
			return x
		}
		return c.fold(n, &intNode{x}, x)
	case "abs", "floor", "ceil", "round":
		if name != "abs" && x.typ().kind == kindInt {
			return c.fold(n, &floatNode{x}, x)
		}
		return c.fold(n, &roundNode{name, x}, x)
	case "min", "max":
		t := x.typ()
		for _, a := range args {
			if a.typ().kind == kindFloat {
				t = a.typ()
			}
		}
		for i, a := range args {
			if a.typ() != t {
				args[i] = c.fold(n, &floatNode{a}, a)
			}
		}
		return c.fold(n, &extremeNode{name == "max", args, t}, args...)
	}
	cut := ""
	if len(args) == 2 {
		k, ok := args[1].(*constNode)
		if !ok {
			return c.fail(at[1], "", "%s wants a constant text", name)
		}
		cut = string(k.v.text(0))
	}
	return c.fold(n, &textNode{textFunction(name, cut, len(args) == 2), x}, x)
}

func isPart(name string) bool {
	switch name {
	case "year", "month", "day", "weekday", "hour", "minute":
		return true
	}
	return false
}

func runeCount(s []byte) int64 { return int64(utf8.RuneCount(s)) }
