package expr

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	exprlang "github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"

	"howdah/internal/table"
)

// generator writes random expressions that have a type.
type generator struct{ r *rand.Rand }

func (g generator) pick(s ...string) string { return s[g.r.IntN(len(s))] }

func (g generator) integer(depth int) string {
	if depth == 0 {
		return g.pick("i", "j", "i", "j", fmt.Sprint(g.r.IntN(20)-5))
	}
	switch g.r.IntN(9) {
	case 0, 1, 2:
		return fmt.Sprintf("(%s %s %s)", g.integer(depth-1), g.pick("+", "-", "*"), g.integer(depth-1))
	case 3:
		return fmt.Sprintf("(%s %% %s)", g.integer(depth-1), g.integer(depth-1))
	case 4:
		return fmt.Sprintf("%s(%s, %s)", g.pick("min", "max"), g.integer(depth-1), g.integer(depth-1))
	case 5:
		return fmt.Sprintf("abs(%s)", g.integer(depth-1))
	case 6:
		return fmt.Sprintf("(%s ? %s : %s)", g.boolean(depth-1), g.integer(depth-1), g.integer(depth-1))
	case 7:
		return fmt.Sprintf("len(%s)", g.text(depth-1))
	}
	return fmt.Sprintf("(-%s)", g.integer(depth-1))
}

func (g generator) float(depth int) string {
	if depth == 0 {
		return g.pick("f", "g", "f", fmt.Sprintf("%.2f", g.r.Float64()*10))
	}
	switch g.r.IntN(8) {
	case 0, 1:
		return fmt.Sprintf("(%s %s %s)", g.float(depth-1), g.pick("+", "-", "*", "/"), g.float(depth-1))
	case 2:
		return fmt.Sprintf("(%s %s %s)", g.integer(depth-1), g.pick("+", "-", "*", "/"), g.float(depth-1))
	case 3:
		return fmt.Sprintf("(%s / %s)", g.integer(depth-1), g.integer(depth-1))
	case 4:
		return fmt.Sprintf("%s(%s)", g.pick("floor", "ceil", "round", "abs"), g.float(depth-1))
	case 5:
		return fmt.Sprintf("(%s ?? %s)", g.float(depth-1), g.float(depth-1))
	case 6:
		return fmt.Sprintf("%s(%s, %s)", g.pick("min", "max"), g.float(depth-1), g.integer(depth-1))
	}
	return fmt.Sprintf("(%s ? %s : %s)", g.boolean(depth-1), g.float(depth-1), g.float(depth-1))
}

func (g generator) text(depth int) string {
	if depth == 0 {
		return g.pick("s", "c", "c", `"AAxy"`, `"bé cd"`)
	}
	switch g.r.IntN(5) {
	case 0:
		return fmt.Sprintf("%s(%s)", g.pick("lower", "upper"), g.text(depth-1))
	case 1:
		return fmt.Sprintf("(%s + %s)", g.text(depth-1), g.text(depth-1))
	case 2:
		return fmt.Sprintf(`%s(%s, "A")`, g.pick("trimPrefix", "trimSuffix"), g.text(depth-1))
	case 3:
		return fmt.Sprintf("(%s ? %s : %s)", g.boolean(depth-1), g.text(depth-1), g.text(depth-1))
	}
	return fmt.Sprintf("(%s ?? %s)", g.text(depth-1), g.text(depth-1))
}

func (g generator) boolean(depth int) string {
	order := g.pick("==", "!=", "<", "<=", ">", ">=")
	if depth <= 0 {
		return g.pick("b", "i > 3", "f < 2.5", `c == "AAxy"`, "i == nil", "f != nil", "true", "s != nil", `day >= date("2013-02-03")`)
	}
	switch g.r.IntN(12) {
	case 0, 1:
		return fmt.Sprintf("(%s %s %s)", g.integer(depth-1), order, g.integer(depth-1))
	case 2:
		return fmt.Sprintf("(%s %s %s)", g.float(depth-1), order, g.integer(depth-1))
	case 3:
		return fmt.Sprintf("(%s %s %s)", g.text(depth-1), order, g.text(depth-1))
	case 4, 5:
		return fmt.Sprintf("(%s %s %s)", g.boolean(depth-1), g.pick("&&", "||", "and", "or"), g.boolean(depth-1))
	case 6:
		return fmt.Sprintf("!(%s)", g.boolean(depth-1))
	case 7:
		return fmt.Sprintf("(%s %s nil)", g.pick(g.integer(depth-1), g.float(depth-1), g.text(depth-1), g.boolean(depth-1)), g.pick("==", "!="))
	case 8:
		return fmt.Sprintf("(%s %s [%d, %d, %s])", g.integer(depth-1), g.pick("in", "not in"), g.r.IntN(10), g.r.IntN(10), g.pick("3", "nil"))
	case 9:
		return fmt.Sprintf(`(%s %s ["AAxy", "zz", %s])`, g.text(depth-1), g.pick("in", "not in"), g.pick(`"q"`, "nil"))
	case 10:
		return fmt.Sprintf("(%s %s %q)", g.text(depth-1), g.pick("contains", "startsWith", "endsWith", "matches"), g.pick("A", "AA", "y", "^A.*y$", "é"))
	}
	return fmt.Sprintf(`(day %s date("2013-02-%02d"))`, order, 1+g.r.IntN(9))
}

// rows makes random rows, in ranges that differ from call to call, so that statistics are worth something.
func (g generator) rows(n int) []row {
	out := make([]row, n)
	lo, width := g.r.IntN(20)-10, 1+g.r.IntN(8)
	words := []string{"AAxy", "Abc d", "bé cd", "zz", "AA9", "q"}
	words = words[g.r.IntN(len(words)):]
	missing := g.r.IntN(3) // in tenths
	for k := range out {
		r := row{"j": lo + g.r.IntN(width)}
		for name, v := range map[string]any{"i": lo + g.r.IntN(width), "f": float64(lo) + math.Floor(g.r.Float64()*16)/4, "g": float64(g.r.IntN(width)) / 2,
			"b": g.r.IntN(4) > 0, "s": words[g.r.IntN(len(words))], "c": words[g.r.IntN(len(words))], "day": 15737 + g.r.IntN(width)} {
			if g.r.IntN(10) >= missing {
				r[name] = v
			} else if name == "f" && g.r.IntN(2) == 0 {
				r[name] = math.NaN()
			} else if name == "c" && g.r.IntN(2) == 0 {
				r[name] = ""
			}
		}
		out[k] = r
	}
	return out
}

// naive is an interpreter of the language, a row at a time, written from its description.
type naive struct {
	row    row
	sawNil bool
}

type rowFailure struct{}

func (n *naive) value(x ast.Node) (v any) {
	defer func() {
		switch f := v.(type) {
		case float64:
			if math.IsNaN(f) {
				v = nil
			}
		case string:
			if f == "" {
				v = nil
			}
		}
		if v == nil {
			n.sawNil = true
		}
	}()
	switch x := x.(type) {
	case *ast.NilNode:
		return nil
	case *ast.BoolNode:
		return x.Value
	case *ast.IntegerNode:
		return int64(x.Value)
	case *ast.FloatNode:
		return x.Value
	case *ast.StringNode:
		return x.Value
	case *ast.IdentifierNode:
		switch v := n.row[x.Value].(type) {
		case int:
			return int64(v)
		default:
			return v
		}
	case *ast.UnaryNode:
		switch v := n.value(x.Node).(type) {
		case bool:
			return !v
		case int64:
			return -v
		case float64:
			return -v
		}
		return nil
	case *ast.ConditionalNode:
		switch n.value(x.Cond) {
		case true:
			return n.value(x.Exp1)
		case false:
			return n.value(x.Exp2)
		}
		return nil
	case *ast.BuiltinNode:
		return n.call(x)
	case *ast.BinaryNode:
		return n.binary(x)
	}
	panic(fmt.Sprintf("%T", x))
}

func (n *naive) binary(x *ast.BinaryNode) any {
	switch x.Operator {
	case "&&", "and", "||", "or":
		decides := x.Operator == "||" || x.Operator == "or"
		l := n.value(x.Left)
		if l == decides {
			return decides
		}
		r := n.value(x.Right)
		if r == decides {
			return decides
		}
		if l == nil || r == nil {
			return nil
		}
		return !decides
	case "??":
		if l := n.value(x.Left); l != nil {
			return l
		}
		return n.value(x.Right)
	case "in":
		l := n.value(x.Left)
		null := false
		for _, e := range x.Right.(*ast.ArrayNode).Nodes {
			v := n.value(e)
			if v == l {
				return true
			}
			null = null || v == nil
		}
		if l == nil {
			return nil
		}
		return false
	}
	l, r := n.value(x.Left), n.value(x.Right)
	_, leftNil := x.Left.(*ast.NilNode)
	_, rightNil := x.Right.(*ast.NilNode)
	if leftNil || rightNil {
		return (l == nil && r == nil) == (x.Operator == "==")
	}
	if l == nil || r == nil {
		return nil
	}
	if s, ok := l.(string); ok {
		t := r.(string)
		switch x.Operator {
		case "+":
			return s + t
		case "contains":
			return strings.Contains(s, t)
		case "startsWith":
			return strings.HasPrefix(s, t)
		case "endsWith":
			return strings.HasSuffix(s, t)
		case "matches":
			return regexp.MustCompile(t).MatchString(s)
		}
		return holds(x.Operator, strings.Compare(s, t))
	}
	p, pInt := l.(int64)
	q, qInt := r.(int64)
	if !pInt || !qInt || x.Operator == "/" {
		u, v := number(l), number(r)
		switch x.Operator {
		case "+":
			return u + v
		case "-":
			return u - v
		case "*":
			return u * v
		case "/":
			return u / v
		case "==":
			return u == v
		case "!=":
			return u != v
		case "<":
			return u < v
		case "<=":
			return u <= v
		case ">":
			return u > v
		}
		return u >= v
	}
	var z big.Int
	a, b := big.NewInt(p), big.NewInt(q)
	switch x.Operator {
	case "+":
		z.Add(a, b)
	case "-":
		z.Sub(a, b)
	case "*":
		z.Mul(a, b)
	case "%":
		if q == 0 {
			panic(rowFailure{})
		}
		z.Rem(a, b)
	default:
		return holds(x.Operator, a.Cmp(b))
	}
	if !z.IsInt64() {
		panic(rowFailure{})
	}
	return z.Int64()
}

func number(v any) float64 {
	if x, ok := v.(int64); ok {
		return float64(x)
	}
	return v.(float64)
}

func (n *naive) call(x *ast.BuiltinNode) any {
	args := make([]any, len(x.Arguments))
	for i, a := range x.Arguments {
		args[i] = n.value(a)
	}
	for _, a := range args {
		if a == nil {
			return nil
		}
	}
	switch x.Name {
	case "date":
		t, err := time.Parse("2006-01-02", args[0].(string))
		if err != nil {
			panic(err)
		}
		return t.Unix() / 86400
	case "len":
		return int64(len([]rune(args[0].(string))))
	case "lower":
		return strings.ToLower(args[0].(string))
	case "upper":
		return strings.ToUpper(args[0].(string))
	case "trimPrefix":
		return strings.TrimPrefix(args[0].(string), args[1].(string))
	case "trimSuffix":
		return strings.TrimSuffix(args[0].(string), args[1].(string))
	case "floor":
		return math.Floor(number(args[0]))
	case "ceil":
		return math.Ceil(number(args[0]))
	case "round":
		return math.Round(number(args[0]))
	case "abs":
		if v, ok := args[0].(int64); ok {
			return max(v, -v)
		}
		return math.Abs(number(args[0]))
	case "min", "max":
		p, pInt := args[0].(int64)
		q, qInt := args[1].(int64)
		if pInt && qInt {
			if x.Name == "min" {
				return min(p, q)
			}
			return max(p, q)
		}
		if x.Name == "min" {
			return math.Min(number(args[0]), number(args[1]))
		}
		return math.Max(number(args[0]), number(args[1]))
	}
	panic(x.Name)
}

// interpret returns the naive value; failed says that the row has none.
func interpret(x ast.Node, r row) (v any, sawNil, failed bool) {
	n := naive{row: r}
	defer func() {
		if p := recover(); p != nil {
			if _, ok := p.(rowFailure); !ok {
				panic(p)
			}
			failed = true
		}
	}()
	v = n.value(x)
	return v, n.sawNil, false
}

func same(a, b any) bool {
	if a == b {
		return true
	}
	x, okX := a.(float64)
	y, okY := b.(float64)
	return okX && okY && x == y
}

// Columns at a time give what rows one by one give; and where nothing is missing, what expr-lang's own machine gives.
func TestEvalAgainstRows(t *testing.T) {
	t.Parallel()
	var a table.Arena
	compared, failures := 0, 0
	for seed := range uint64(4000) {
		g := generator{rand.New(rand.NewPCG(seed, 1))}
		text := g.boolean(3)
		switch seed % 4 {
		case 1:
			text = g.integer(3)
		case 2:
			text = g.float(3)
		case 3:
			text = g.text(3)
		}
		tree, err := parser.Parse(text)
		if err != nil {
			t.Fatal(text, err)
		}
		p, err := Compile(text, schemaOfTest)
		if err != nil {
			// A constant part may be out of range, or be missing where only values make sense.
			if s := err.Error(); !strings.Contains(s, "out of the range") && !strings.Contains(s, "has no value") && !strings.Contains(s, "missing") {
				t.Errorf("%s: %v", text, err)
			}
			continue
		}
		rows := g.rows(20)
		a.Reset()
		col, err := p.Eval(batchOf(rows), &a)
		anyFailed := false
		for i, r := range rows {
			want, sawNil, failed := interpret(tree.Node, r)
			anyFailed = anyFailed || failed
			if failed || err != nil {
				continue
			}
			if x, ok := want.(int64); ok && p.Type() == table.Float64 {
				want = float64(x)
			}
			got := valueAt(col, i)
			if _, isColumn := p.root.(*columnNode); isColumn && want == nil {
				continue // handed through as it is
			}
			if !same(got, want) {
				t.Fatalf("%s\nrow %v:\n got %v (%T)\nwant %v (%T)", text, r, got, got, want, want)
			}
			if f, ok := got.(float64); ok && math.IsInf(f, 0) {
				continue // expr-lang's min and max keep the kind of what they choose, which gives zeros another sign
			}
			if sawNil || strings.Contains(text, "day") || strings.Contains(text, "nil") {
				continue
			}
			env := map[string]any{}
			for k, v := range r {
				env[k] = v
			}
			program, err := exprlang.Compile(text, exprlang.Env(env))
			if err != nil {
				continue // stricter about types in a place or two
			}
			out, err := exprlang.Run(program, env)
			if err != nil {
				t.Fatalf("%s: expr-lang: %v", text, err)
			}
			switch x := out.(type) {
			case int:
				out = int64(x)
			}
			if x, ok := out.(int64); ok && p.Type() == table.Float64 {
				out = float64(x)
			}
			if !same(got, out) {
				t.Fatalf("%s\nrow %v:\n got %v (%T)\nexpr-lang %v (%T)", text, r, got, got, out, out)
			}
			compared++
		}
		if err != nil != anyFailed {
			t.Fatalf("%s: error %v, but the rows one by one fail: %v", text, err, anyFailed)
		}
		if anyFailed {
			failures++
		}
	}
	if compared < 5000 || failures < 50 {
		t.Errorf("only %d values compared with expr-lang, %d expressions failed", compared, failures)
	}
}

// statsOf computes statistics of rows, at times less sharp or less complete than they could be.
func statsOf(r *rand.Rand, rows []row) Statistics {
	return func(name string) (lo, hi any, nulls, n int64, ok bool) {
		n = int64(len(rows))
		for _, x := range rows {
			switch v := x[name].(type) {
			case nil:
				nulls++
			case float64:
				if !math.IsNaN(v) {
					if lo == nil || v < lo.(float64) {
						lo = v
					}
					if hi == nil || v > hi.(float64) {
						hi = v
					}
				}
			case int:
				if lo == nil || int64(v) < lo.(int64) {
					lo = int64(v)
				}
				if hi == nil || int64(v) > hi.(int64) {
					hi = int64(v)
				}
			case string:
				if lo == nil || v < lo.(string) {
					lo = v
				}
				if hi == nil || v > hi.(string) {
					hi = v
				}
			case bool:
				if lo == nil || !v {
					lo = v
				}
				if hi == nil || v {
					hi = v
				}
			}
		}
		switch r.IntN(12) {
		case 0:
			return nil, nil, 0, 0, false
		case 1:
			nulls = -1
		case 2:
			lo = nil
		case 3:
			hi = nil
		case 4:
			if s, ok := hi.(string); ok {
				hi = []byte(s + "zzz")
			}
		case 5:
			if v, ok := lo.(int64); ok {
				lo = v - 2
			}
		}
		return lo, hi, nulls, n, true
	}
}

// A run of rows that is pruned has no row that the filter keeps.
func TestPruneIsSound(t *testing.T) {
	t.Parallel()
	var a table.Arena
	pruned := 0
	for seed := range uint64(20000) {
		g := generator{rand.New(rand.NewPCG(seed, 2))}
		text := g.boolean(int(seed % 4))
		p, err := Compile(text, schemaOfTest)
		if err != nil {
			continue
		}
		rows := g.rows(6)
		if !p.Prune(statsOf(g.r, rows)) {
			continue
		}
		pruned++
		a.Reset()
		kept, err := p.Filter(batchOf(rows), &a)
		if err == nil && (kept == nil || len(kept) > 0) {
			t.Fatalf("%s prunes rows that match: %v of %v", text, kept, rows)
		}
	}
	if pruned < 500 {
		t.Errorf("only %d expressions pruned anything", pruned)
	}
}

// Statistics that settle a filter do prune.
func TestPrune(t *testing.T) {
	t.Parallel()
	stats := func(name string) (any, any, int64, int64, bool) {
		switch name {
		case "i":
			return int64(3), int64(9), 0, 10, true
		case "f":
			return 1.5, 2.5, 2, 10, true
		case "s":
			return "AA", "CC", 0, 10, true
		case "c":
			return nil, nil, 10, 10, true
		case "b":
			return false, false, 1, 10, true
		case "day":
			return int64(15737), int64(15739), 0, 10, true
		case "ts":
			return int64(15737 * 86400000), int64(15738 * 86400000), 0, 10, true
		case "j":
			return int64(math.MinInt64), int64(math.MaxInt64), 0, 10, true
		}
		return nil, nil, 0, 0, false
	}
	for text, want := range map[string]bool{
		"i > 9": true, "i >= 9": false, "i < 3": true, "i == 10": true, "i != 5": false, "i == nil": true, "i in [1, 2]": true, "i in [1, 3]": false, "i in 10..20": true,
		"i > 9 && g > 1": true, "i > 9 || g > 1": false, "i > 9 || i < 3": true, "!(i > 2)": true, "i + 1 > 10": true, "i * 2 < 6": true, "-i > -3": true,
		"f > 2.5": true, "f >= 2.5": false, "f == nil": false, "f > i": true, "f / 2 > 1.3": true, "abs(f) < 1": true, "floor(f) > 2": true, "max(i, 2) < 3": true,
		`s < "AA"`: true, `s == "AB"`: false, `s startsWith "D"`: true, `s startsWith "C"`: false, `s startsWith "CCC"`: true, `s in ["DD"]`: true, `s != nil`: false, "s == nil": true,
		"c == nil": false, "c != nil": true, `c == "x"`: true, "b": true, "!b": false, "b == true": true, `day < "2013-02-01"`: true, `day < "2013-02-02"`: false,
		`ts > "2013-02-02"`: true, `ts >= "2013-02-02"`: false, "ts > day": false, `day > "2013-02-03T10:00"`: true, "i > 5 ? b : false": true, "g > 5": false, "false": true, "j - 1 > 5": false, "j * j < 0": false,
		"(c ?? \"x\") == \"y\"": true, "(c ?? \"x\") == \"x\"": false, "(i ?? 3) > 9": true, "len(s) < 0": true, `lower(s) == "dd"`: false,
	} {
		p, err := Compile(text, schemaOfTest)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := p.Prune(stats); got != want {
			t.Errorf("%s: pruned %v, want %v", text, got, want)
		}
	}
}

func BenchmarkFilter(b *testing.B) {
	g := generator{rand.New(rand.NewPCG(1, 1))}
	batch := batchOf(g.rows(4096))
	for _, text := range []string{"i > 3", `c in ["AAxy", "UA"] && j >= 3`, "f * 2 + i > 5.5 || b", `lower(c) contains "a"`} {
		b.Run(text, func(b *testing.B) {
			p, err := Compile(text, schemaOfTest)
			if err != nil {
				b.Fatal(err)
			}
			var a table.Arena
			b.ReportAllocs()
			for b.Loop() {
				a.Reset()
				if _, err := p.Filter(batch, &a); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/4096, "ns/row")
		})
	}
}
