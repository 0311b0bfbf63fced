//go:build avo

package main

import (
	"math"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// vectors writes the functions of vectors, without FMA: they give the same bits as the Go in ../float32.go, operation by
// operation. They work on two vectors at once, for a chain of 30 dependent operations leaves the units idle; AVX-512 halves
// the number of chains, and its masked stores are fast where AVX2's are not (AMD).
func vectors() {
	for _, now = range []target{{"AVX2", 8, 2}, {"AVX512", 16, 2}} {
		unary("exp", exp)
		unary("log", log)
		unary("sigmoid", sigmoid)
		unary("tanh", tanh)
		unary("erf", erf)
		unary("gelu", gelu)
		unary("softplus", softplus)
		unary("relu", relu)
		binary("sigmoidGrad", "dx, dy, y", func(dy, y vec) vec { return mul(dy, mul(y, sub(constant(1), y))) })
		binary("tanhGrad", "dx, dy, y", func(dy, y vec) vec { return mul(dy, sub(constant(1), mul(y, y))) })
		binary("reluGrad", "dx, dy, y", func(dy, y vec) vec { return only(compare(y, number(0), greater), dy) })
		binary("geluGrad", "dx, dy, x", geluGrad)
		binary("add", "dst, x, y", func(x, y vec) vec { return add(x, y) })
		axpy()
		broadcast("scale", "x[i]·a", func(x, a vec) vec { return mul(x, a) })
		broadcast("shift", "x[i] - a", func(x, a vec) vec { return sub(x, a) })
		broadcast("divide", "x[i] / a", func(x, a vec) vec { return div(x, a) })
		adam()
	}
	largest()
	lanes("sum", false)
	lanes("dot", true)
}

// target is an instruction set, its float32 lanes, and how many vectors a loop takes at once.
type target struct {
	name        string
	lanes, ways int
}

// now is the target that the operations below write for.
var now target

// vec is one variable: a register for each way.
type vec []reg.VecVirtual

// mask chooses lanes: by the sign of a vector's elements in AVX2, by mask registers in AVX-512.
type mask struct {
	v vec
	k []reg.OpmaskVirtual
}

func register() reg.VecVirtual {
	if now.lanes == 16 {
		return ZMM()
	}
	return YMM()
}

// apply writes f for each way; b is a vec, or a Mem that all ways read.
func apply(a vec, b any, f func(b, a, y Op)) vec {
	y := make(vec, now.ways)
	for i := range y {
		y[i] = register()
		f(way(b, i), a[i], y[i])
	}
	return y
}

func way(b any, i int) Op {
	if v, ok := b.(vec); ok {
		return v[i]
	}
	return b.(Op)
}

// Operations on variables; b may lie in memory.

func add(a vec, b any) vec { return apply(a, b, func(b, a, y Op) { VADDPS(b, a, y) }) }
func sub(a vec, b any) vec { return apply(a, b, func(b, a, y Op) { VSUBPS(b, a, y) }) }
func mul(a vec, b any) vec { return apply(a, b, func(b, a, y Op) { VMULPS(b, a, y) }) }
func div(a vec, b any) vec { return apply(a, b, func(b, a, y Op) { VDIVPS(b, a, y) }) }
func and(a vec, b any) vec { return apply(a, b, func(b, a, y Op) { VANDPS(b, a, y) }) }
func or(a vec, b any) vec  { return apply(a, b, func(b, a, y Op) { VORPS(b, a, y) }) }
func xor(a vec, b any) vec { return apply(a, b, func(b, a, y Op) { VXORPS(b, a, y) }) }
func root(a vec) vec       { return apply(a, a, func(_, a, y Op) { VSQRTPS(a, y) }) }
func toFloat(a vec) vec    { return apply(a, a, func(_, a, y Op) { VCVTDQ2PS(a, y) }) }

func addInt(a vec, b any) vec { return apply(a, b, func(b, a, y Op) { VPADDD(b, a, y) }) }
func subInt(a vec, b any) vec { return apply(a, b, func(b, a, y Op) { VPSUBD(b, a, y) }) }
func shiftLeft(a vec, n uint64) vec {
	return apply(a, a, func(_, a, y Op) { VPSLLD(Imm(n), a, y) })
}
func shiftRight(a vec, n uint64) vec {
	return apply(a, a, func(_, a, y Op) { VPSRAD(Imm(n), a, y) })
}

// Predicates of VCMPPS: false where an operand is NaN.
const (
	equal   = 0x00
	less    = 0x11
	greater = 0x1e
)

func compare(a vec, b any, predicate uint64) (m mask) {
	for i := range now.ways {
		if now.lanes == 16 {
			k := K()
			VCMPPS(Imm(predicate), way(b, i), a[i], k)
			m.k = append(m.k, k)
		} else {
			y := register()
			VCMPPS(Imm(predicate), way(b, i), a[i], y)
			m.v = append(m.v, y)
		}
	}
	return m
}

// negative is the lanes of x whose sign is set.
func negative(x vec) (m mask) {
	if now.lanes == 8 {
		return mask{v: x}
	}
	for i := range now.ways {
		k := K()
		VPMOVD2M(x[i], k)
		m.k = append(m.k, k)
	}
	return m
}

// choose is yes in m's lanes and no elsewhere.
func choose(m mask, yes any, no vec) vec {
	y := make(vec, now.ways)
	for i := range y {
		y[i] = register()
		if now.lanes == 16 {
			VBLENDMPS(way(yes, i), no[i], m.k[i], y[i])
		} else {
			VBLENDVPS(m.v[i], way(yes, i), no[i], y[i])
		}
	}
	return y
}

// only is yes in m's lanes and zero elsewhere.
func only(m mask, yes any) vec {
	if now.lanes == 8 {
		return and(m.v, yes)
	}
	y := make(vec, now.ways)
	for i := range y {
		y[i] = register()
		VMOVUPS_Z(way(yes, i), m.k[i], y[i])
	}
	return y
}

// shared is one register for all ways.
func shared(r reg.VecVirtual) vec {
	y := make(vec, now.ways)
	for i := range y {
		y[i] = r
	}
	return y
}

func constant(x float32) vec {
	r := register()
	VMOVUPS(number(x), r)
	return shared(r)
}

// atMost is bound where x > bound, else x: NaN too.
func atMost(x vec, bound float32) vec {
	return apply(constant(bound), x, func(x, bound, y Op) { VMINPS(x, bound, y) })
}

// atLeast is bound where x < bound, else x: NaN too.
func atLeast(x vec, bound float32) vec {
	return apply(constant(bound), x, func(x, bound, y Op) { VMAXPS(x, bound, y) })
}

func abs(x vec) vec    { return and(x, bits(0x7fffffff)) }
func sign(x vec) vec   { return and(x, bits(1<<31)) }
func negAbs(x vec) vec { return or(x, bits(1<<31)) }

// poly evaluates a polynomial by Horner's rule, the highest coefficient first.
func poly(x vec, c ...float32) vec {
	p := mul(x, number(c[0]))
	for _, v := range c[1 : len(c)-1] {
		p = mul(add(p, number(v)), x)
	}
	return add(p, number(c[len(c)-1]))
}

// The functions, as in ../float32.go.

const (
	rounder  = 3 << 22
	invLn2   = 1.4426950408889634
	ln2Head  = 0.693359375
	ln2Tail  = -2.12194440e-4
	sqrtHalf = 0.70710678118654752440
	invRoot  = 0.39894228040143267794 // 1/√(2π)
)

func exp(x vec) vec {
	x = atLeast(atMost(x, 89), -104)
	t := add(mul(x, number(invLn2)), number(rounder))
	n := subInt(t, bits(0x4b400000))
	k := sub(t, number(rounder))
	r := sub(x, mul(k, number(ln2Head)))
	r = sub(r, mul(k, number(ln2Tail)))
	p := poly(r, 0.0013818365, 0.008368716, 0.041668296, 0.16666521, 0.49999994)
	p = add(mul(p, mul(r, r)), r)
	p = add(p, number(1))
	half := shiftRight(n, 1)
	p = mul(p, shiftLeft(addInt(half, bits(127)), 23))
	return mul(p, shiftLeft(addInt(subInt(n, half), bits(127)), 23))
}

func log(x vec) vec {
	small := compare(x, number(0x1p-126), less)
	v := choose(small, mul(x, number(0x1p23)), x)
	k := only(small, bits(math.MaxUint32-22)) // -23
	t := shiftRight(subInt(v, bits(0x3f3504f3)), 23)
	e := toFloat(addInt(k, t))
	f := sub(subInt(v, shiftLeft(t, 23)), number(1))
	z := mul(f, f)
	p := poly(f, 0.067509554, -0.11671451, 0.11883569, -0.12406032, 0.14220327, -0.16667996, 0.20002073, -0.2500001, 0.33333313)
	y := mul(mul(p, f), z)
	y = add(y, mul(e, number(ln2Tail)))
	y = sub(y, mul(z, number(0.5)))
	y = add(y, f)
	y = add(y, mul(e, number(ln2Head)))
	y = choose(compare(x, number(float32(math.Inf(1))), less), y, x)
	y = choose(compare(x, number(0), less), bits(0x7fc00000), y)
	return choose(compare(x, number(0), equal), number(float32(math.Inf(-1))), y)
}

func sigmoid(x vec) vec {
	e := exp(negAbs(x))
	return div(choose(negative(x), e, constant(1)), add(e, number(1)))
}

func tanh(x vec) vec {
	a := abs(x)
	z := mul(a, a)
	p := poly(z, -0.005695813, 0.020630825, -0.05373714, 0.1333141, -0.3333328)
	y := add(mul(mul(p, z), a), a)
	big := sub(constant(1), div(constant(2), add(exp(add(a, a)), number(1))))
	return or(choose(compare(a, number(0.625), less), y, big), sign(x))
}

func erf(x vec) vec {
	a := abs(x)
	z := mul(a, a)
	p := poly(z, -0.00059595896, 0.004987353, -0.026762966, 0.11281731, -0.3761249, 0.12837915)
	y := add(mul(p, a), a)
	small := compare(a, number(0.9296875), less)
	q := poly(atMost(a, 4), -0.00019820883, 0.0030654182, -0.02231503, 0.10411347, 0.6369762, 1.1277972, 0.00016643581)
	big := sub(constant(1), exp(xor(q, bits(1<<31))))
	return or(choose(small, y, big), sign(x))
}

func gelu(x vec) vec {
	t := add(erf(mul(x, number(sqrtHalf))), number(1))
	return mul(mul(x, number(0.5)), t)
}

func softplus(x vec) vec {
	e := exp(negAbs(x))
	s := div(e, add(e, number(2)))
	z := mul(s, s)
	p := poly(z, 0.2424492, 0.2144395, 0.2861521, 0.3999895, 0.66666675)
	return add(add(mul(mul(p, z), s), add(s, s)), relu(x))
}

func relu(x vec) vec { return atLeast(x, 0) }

func geluGrad(dy, x vec) vec {
	cdf := mul(add(erf(mul(x, number(sqrtHalf))), number(1)), number(0.5))
	pdf := mul(exp(mul(mul(x, x), number(-0.5))), number(invRoot))
	return mul(dy, add(cdf, mul(x, pdf)))
}

// Loops.

// stream is one vector in memory that a loop walks along.
type stream struct {
	at reg.GPVirtual
}

func streams(names ...string) (s []stream) {
	for _, n := range names {
		r := GP64()
		Load(Param(n), r)
		s = append(s, stream{r})
	}
	return s
}

// each writes a loop over as many elements as the target takes at once, and one over the rest, a vector at a time under a
// mask. body reads and writes by the functions it gets.
func each(s []stream, body func(get func(i int) vec, put func(i int, x vec))) {
	n := GP64()
	Load(Param("n"), n)
	width := 4 * now.lanes
	block := uint64(now.lanes * now.ways)
	Label("loop")
	CMPQ(n, Imm(block))
	JLT(LabelRef("rest"))
	body(func(i int) vec {
		y := make(vec, now.ways)
		for w := range y {
			y[w] = register()
			VMOVUPS(Mem{Base: s[i].at, Disp: w * width}, y[w])
		}
		return y
	}, func(i int, x vec) {
		for w := range x {
			VMOVUPS(x[w], Mem{Base: s[i].at, Disp: w * width})
		}
	})
	for _, p := range s {
		ADDQ(Imm(uint64(width*now.ways)), p.at)
	}
	SUBQ(Imm(block), n)
	JMP(LabelRef("loop"))

	ways := now.ways
	now.ways = 1
	defer func() { now.ways = ways }()
	Label("rest")
	CMPQ(n, Imm(0))
	JLE(LabelRef("done"))
	count, lanes := GP64(), GP64()
	MOVQ(U64(uint64(now.lanes)), lanes)
	MOVQ(n, count)
	CMPQ(count, lanes)
	CMOVQGT(lanes, count)
	if now.lanes == 16 {
		k := K()
		loadMask16(count, k)
		body(func(i int) vec { y := ZMM(); VMOVUPS_Z(Mem{Base: s[i].at}, k, y); return vec{y} },
			func(i int, x vec) { VMOVUPS(x[0], k, Mem{Base: s[i].at}) })
	} else {
		m := YMM()
		loadMask(count, m)
		body(func(i int) vec { y := YMM(); VMASKMOVPS(Mem{Base: s[i].at}, m, y); return vec{y} },
			func(i int, x vec) { VMASKMOVPS(x[0], m, Mem{Base: s[i].at}) })
	}
	for _, p := range s {
		ADDQ(Imm(uint64(width)), p.at)
	}
	SUBQ(Imm(uint64(now.lanes)), n)
	JMP(LabelRef("rest"))
	Label("done")
	VZEROUPPER()
	RET()
}

func function(name, signature, doc string) {
	TEXT(name, NOSPLIT, signature)
	Pragma("noescape")
	Doc(doc)
}

func unary(name string, f func(x vec) vec) {
	function(name+now.name, "func(dst, src *float32, n int)", name+now.name+" sets dst[i] = "+name+"(src[i]) for i < n.")
	each(streams("dst", "src"), func(get func(int) vec, put func(int, vec)) { put(0, f(get(1))) })
}

func binary(name, args string, f func(x, y vec) vec) {
	names := strings.Split(args, ", ")
	function(name+now.name, "func("+args+" *float32, n int)", name+now.name+" sets "+names[0]+"[i] from "+names[1]+"[i] and "+names[2]+"[i] for i < n.")
	each(streams(names...), func(get func(int) vec, put func(int, vec)) { put(0, f(get(1), get(2))) })
}

func scalar(name string) vec {
	x, y := XMM(), register()
	Load(Param(name), x)
	VBROADCASTSS(x, y)
	return shared(y)
}

func axpy() {
	function("axpy"+now.name, "func(dst *float32, a float32, src *float32, n int)", "axpy"+now.name+" sets dst[i] += a·src[i] for i < n.")
	a := scalar("a")
	each(streams("dst", "src"), func(get func(int) vec, put func(int, vec)) { put(0, add(get(0), mul(a, get(1)))) })
}

func broadcast(name, what string, f func(x, a vec) vec) {
	function(name+now.name, "func(dst, x *float32, a float32, n int)", name+now.name+" sets dst[i] = "+what+" for i < n.")
	a := scalar("a")
	each(streams("dst", "x"), func(get func(int) vec, put func(int, vec)) { put(0, f(get(1), a)) })
}

func adam() {
	function("adam"+now.name, "func(u, m, v *float32, n int, b1, a1, b2, a2, c1, c2, epsilon float32)", "adam"+now.name+" is Adam for n elements; a1 = 1-b1, a2 = 1-b2.")
	b1, a1, b2, a2 := scalar("b1"), scalar("a1"), scalar("b2"), scalar("a2")
	c1, c2, epsilon := scalar("c1"), scalar("c2"), scalar("epsilon")
	each(streams("u", "m", "v"), func(get func(int) vec, put func(int, vec)) {
		g := get(0)
		m := add(mul(get(1), b1), mul(g, a1))
		v := add(mul(get(2), b2), mul(mul(g, g), a2))
		put(1, m)
		put(2, v)
		put(0, div(mul(m, c1), add(root(mul(v, c2)), epsilon)))
	})
}

// largest writes the maximum; NaN is passed over.
func largest() {
	function("maxAVX2", "func(x *float32, n int) float32", "maxAVX2 returns the largest x[i], i < n, that is not NaN; -Inf where there is none.")
	x, n := GP64(), GP64()
	Load(Param("x"), x)
	Load(Param("n"), n)
	none := number(float32(math.Inf(-1)))
	acc := YMM()
	VMOVUPS(none, acc)
	keep := func(y Op) { VMAXPS(acc, y, acc) } // y > acc ? y : acc
	Label("loop")
	CMPQ(n, Imm(8))
	JLT(LabelRef("rest"))
	y := YMM()
	VMOVUPS(Mem{Base: x}, y)
	keep(y)
	ADDQ(Imm(32), x)
	SUBQ(Imm(8), n)
	JMP(LabelRef("loop"))
	Label("rest")
	m := YMM()
	loadMask(n, m)
	y = YMM()
	VMASKMOVPS(Mem{Base: x}, m, y)
	all := YMM()
	VMOVUPS(none, all)
	VBLENDVPS(m, y, all, y)
	keep(y)
	for _, order := range []uint64{0x01, 0x4e, 0xb1} {
		y := YMM()
		if order == 0x01 {
			VPERM2F128(Imm(order), acc, acc, y)
		} else {
			VPERMILPS(Imm(order), acc, y)
		}
		keep(y)
	}
	Store(acc.AsX(), ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// lanes writes a sum in sixteen float64 lanes and the tree that adds them. Masked elements add 0, which changes no lane.
func lanes(name string, product bool) {
	signature, args, what := "func(x *float32, n int) float64", []string{"x"}, "x[i]"
	if product {
		signature, args, what = "func(x, y *float32, n int) float64", []string{"x", "y"}, "x[i]·y[i]"
	}
	function(name+"AVX2", signature, name+"AVX2 returns the sum of "+what+", i < n, in sixteen lanes.")
	s := streams(args...)
	n := GP64()
	Load(Param("n"), n)
	acc := []reg.VecVirtual{YMM(), YMM(), YMM(), YMM()}
	for _, a := range acc {
		VXORPD(a, a, a)
	}
	// accumulate adds four elements of each stream to lane vector i.
	accumulate := func(i int, four ...Op) {
		x := YMM()
		VCVTPS2PD(four[0], x)
		if product {
			y := YMM()
			VCVTPS2PD(four[1], y)
			VMULPD(y, x, x)
		}
		VADDPD(x, acc[i], acc[i])
	}
	Label("loop")
	CMPQ(n, Imm(16))
	JLT(LabelRef("rest"))
	for i := range acc {
		var four []Op
		for _, p := range s {
			four = append(four, Mem{Base: p.at, Disp: 16 * i})
		}
		accumulate(i, four...)
	}
	for _, p := range s {
		ADDQ(Imm(64), p.at)
	}
	SUBQ(Imm(16), n)
	JMP(LabelRef("loop"))
	Label("rest")
	for half := range 2 {
		// The count of this half: n-8·half, between 0 and 8.
		count, bound := GP64(), GP64()
		MOVQ(n, count)
		if half == 1 {
			SUBQ(Imm(8), count)
		}
		XORQ(bound, bound)
		CMPQ(count, bound)
		CMOVQLT(bound, count)
		MOVQ(U64(8), bound)
		CMPQ(count, bound)
		CMOVQGT(bound, count)
		m := YMM()
		loadMask(count, m)
		var low, high []Op
		for _, p := range s {
			x, h := YMM(), XMM()
			VMASKMOVPS(Mem{Base: p.at, Disp: 32 * half}, m, x)
			VEXTRACTF128(Imm(1), x, h)
			low, high = append(low, x.AsX()), append(high, h)
		}
		accumulate(2*half, low...)
		accumulate(2*half+1, high...)
	}
	VADDPD(acc[2], acc[0], acc[0])
	VADDPD(acc[3], acc[1], acc[1])
	VADDPD(acc[1], acc[0], acc[0])
	high := XMM()
	VEXTRACTF128(Imm(1), acc[0], high)
	VADDPD(high, acc[0].AsX(), high)
	one := XMM()
	VPERMILPD(Imm(1), high, one)
	VADDSD(one, high, high)
	Store(high, ReturnIndex(0))
	VZEROUPPER()
	RET()
}
