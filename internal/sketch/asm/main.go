//go:build ignore

// Command main writes the assembly of the sketches' inner loops: go generate ./internal/sketch.
//
// No product is fused with the sum it joins: Zen and Skylake multiply and add side by side at the rate at which they
// fuse, and without fusing the bits are those of plain Go on any machine.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func main() {
	ConstraintExpr("amd64")
	stats()
	deviations()
	products()
	sortColumns()
	Generate()
}

func ptr(name string) Register { return Load(Param(name), GP64()) }

// fold leaves (v0+v1)+(v2+v3), and of its four lanes (l0+l2)+(l1+l3), in the lowest lane of the result.
func fold(op func(Op, Op, Op), op128 func(Op, Op, Op), v [4]VecVirtual) VecVirtual {
	op(v[1], v[0], v[0])
	op(v[3], v[2], v[2])
	op(v[2], v[0], v[0])
	return fold4(op128, v[0])
}

func fold4(op128 func(Op, Op, Op), v VecVirtual) VecVirtual {
	hi := XMM()
	VEXTRACTF128(U8(1), v, hi)
	op128(hi, v.AsX(), v.AsX())
	VPERMILPD(U8(1), v.AsX(), hi)
	op128(hi, v.AsX(), v.AsX())
	return v
}

func add(a, b, c Op)    { VADDPD(a, b, c) }
func lower(a, b, c Op)  { VMINPD(a, b, c) }
func higher(a, b, c Op) { VMAXPD(a, b, c) }

func stats() {
	TEXT("statsAVX2", NOSPLIT, "func(x *float64, n int, out *[4]float64)")
	Pragma("noescape")
	Doc("statsAVX2 writes sum, minimum, maximum and the sum of x·0. n is a positive multiple of 16.")
	x, out := ptr("x"), ptr("out")
	n := Load(Param("n"), GP64())
	var sum, lo, hi [4]VecVirtual
	bad := [2]VecVirtual{YMM(), YMM()}
	zero := YMM()
	VXORPD(zero, zero, zero)
	for i := range 2 {
		VXORPD(bad[i], bad[i], bad[i])
	}
	for i := range 4 {
		sum[i] = YMM()
		VXORPD(sum[i], sum[i], sum[i])
	}
	for i := range 2 {
		lo[i], hi[i] = YMM(), YMM()
		VMOVUPD(Mem{Base: x, Disp: 32 * i}, lo[i])
		VMOVUPD(lo[i], hi[i])
	}
	Label("stats_loop")
	for i := range 4 {
		v := YMM()
		VMOVUPD(Mem{Base: x, Disp: 32 * i}, v)
		VADDPD(v, sum[i], sum[i])
		VMINPD(v, lo[i%2], lo[i%2])
		VMAXPD(v, hi[i%2], hi[i%2])
		VMULPD(zero, v, v)
		VADDPD(v, bad[i%2], bad[i%2])
	}
	ADDQ(U8(128), x)
	SUBQ(U8(16), n)
	JNZ(LabelRef("stats_loop"))
	s := fold(add, add, sum)
	VMOVSD(s.AsX(), Mem{Base: out})
	VMINPD(lo[1], lo[0], lo[0])
	VMAXPD(hi[1], hi[0], hi[0])
	VADDPD(bad[1], bad[0], bad[0])
	VMOVSD(fold4(lower, lo[0]).AsX(), Mem{Base: out, Disp: 8})
	VMOVSD(fold4(higher, hi[0]).AsX(), Mem{Base: out, Disp: 16})
	VMOVSD(fold4(add, bad[0]).AsX(), Mem{Base: out, Disp: 24})
	VZEROUPPER()
	RET()
}

func deviations() {
	TEXT("deviationsAVX2", NOSPLIT, "func(x *float64, n int, c float64, out *[2]float64)")
	Pragma("noescape")
	Doc("deviationsAVX2 writes the sums of x-c and (x-c)². n is a positive multiple of 16.")
	x, out := ptr("x"), ptr("out")
	n := Load(Param("n"), GP64())
	cm, _ := Param("c").Resolve()
	c := YMM()
	VBROADCASTSD(cm.Addr, c)
	var s1, s2 [4]VecVirtual
	for i := range 4 {
		s1[i], s2[i] = YMM(), YMM()
		VXORPD(s1[i], s1[i], s1[i])
		VXORPD(s2[i], s2[i], s2[i])
	}
	Label("deviations_loop")
	for i := range 4 {
		v := YMM()
		VMOVUPD(Mem{Base: x, Disp: 32 * i}, v)
		VSUBPD(c, v, v)
		VADDPD(v, s1[i], s1[i])
		VMULPD(v, v, v)
		VADDPD(v, s2[i], s2[i])
	}
	ADDQ(U8(128), x)
	SUBQ(U8(16), n)
	JNZ(LabelRef("deviations_loop"))
	VMOVSD(fold(add, add, s1).AsX(), Mem{Base: out})
	VMOVSD(fold(add, add, s2).AsX(), Mem{Base: out, Disp: 8})
	VZEROUPPER()
	RET()
}

func products() {
	TEXT("products2x4AVX2", NOSPLIT, "func(a, b *float64, stride, n int, out *[8]float64)")
	Pragma("noescape")
	Doc("products2x4AVX2 writes the inner products of two rows of a with four of b; stride in values. n is a positive multiple of 4.")
	a, b, out := ptr("a"), ptr("b"), ptr("out")
	stride := Load(Param("stride"), GP64())
	n := Load(Param("n"), GP64())
	SHLQ(U8(3), stride)
	b2 := GP64()
	LEAQ(Mem{Base: b, Index: stride, Scale: 2}, b2)
	var acc [8]VecVirtual
	for i := range acc {
		acc[i] = YMM()
		VXORPD(acc[i], acc[i], acc[i])
	}
	Label("products_loop")
	x0, x1 := YMM(), YMM()
	VMOVUPD(Mem{Base: a}, x0)
	VMOVUPD(Mem{Base: a, Index: stride, Scale: 1}, x1)
	for j, m := range [4]Mem{{Base: b}, {Base: b, Index: stride, Scale: 1}, {Base: b2}, {Base: b2, Index: stride, Scale: 1}} {
		y, p, q := YMM(), YMM(), YMM()
		VMOVUPD(m, y)
		VMULPD(y, x0, p)
		VMULPD(y, x1, q)
		VADDPD(p, acc[j], acc[j])
		VADDPD(q, acc[4+j], acc[4+j])
	}
	ADDQ(U8(32), a)
	ADDQ(U8(32), b)
	ADDQ(U8(32), b2)
	SUBQ(U8(4), n)
	JNZ(LabelRef("products_loop"))
	for i := range acc {
		VMOVSD(fold4(add, acc[i]).AsX(), Mem{Base: out, Disp: 8 * i})
	}
	VZEROUPPER()
	RET()
}

// sortColumns is Batcher's odd-even merge sort of 16 rows (63 exchanges), four columns at a time. Fifteen rows live in
// registers and the last one in memory, which leaves the register that an exchange needs.
func sortColumns() {
	TEXT("sortColumnsAVX2", NOSPLIT, "func(out, x *float64, n int)")
	Pragma("noescape")
	Doc("sortColumnsAVX2 sorts the columns of n runs of 64 values, each 16 rows of 4. n is positive.")
	out, x := ptr("out"), ptr("x")
	n := Load(Param("n"), GP64())
	Label("sort_loop")
	var v [16]VecVirtual
	last := Mem{Base: out, Disp: 32 * 15}
	t := YMM()
	VXORPD(t, t, t)
	first := YMM()
	VADDPD(Mem{Base: x, Disp: 32 * 15}, t, first)
	VMOVUPD(first, last)
	for i := range 15 {
		v[i] = YMM()
		VADDPD(Mem{Base: x, Disp: 32 * i}, t, v[i])
	}
	exchange := func(i, j int) {
		if j == 15 {
			lo := YMM()
			VMINPD(last, v[i], lo)
			VMAXPD(last, v[i], v[i])
			VMOVUPD(v[i], last)
			v[i] = lo
			return
		}
		lo := YMM()
		VMINPD(v[j], v[i], lo)
		VMAXPD(v[j], v[i], v[j])
		v[i] = lo
	}
	for p := 1; p < 16; p *= 2 {
		for k := p; k >= 1; k /= 2 {
			for j := k % p; j+k < 16; j += 2 * k {
				for i := 0; i < k && i+j+k < 16; i++ {
					if (i+j)/(2*p) == (i+j+k)/(2*p) {
						exchange(i+j, i+j+k)
					}
				}
			}
		}
	}
	for i := range 15 {
		VMOVUPD(v[i], Mem{Base: out, Disp: 32 * i})
	}
	ADDQ(U32(512), x)
	ADDQ(U32(512), out)
	DECQ(n)
	JNZ(LabelRef("sort_loop"))
	VZEROUPPER()
	RET()
}
