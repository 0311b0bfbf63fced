//go:build avo

package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const rodata = attr.RODATA | attr.NOPTR

// isa describes a tile: rows of broadcast elements of A times two vectors of B.
type isa struct {
	name  string
	rows  int
	lanes int
}

var (
	avx2   = isa{"AVX2", 6, 8}
	avx512 = isa{"AVX512", 8, 16}
)

// Registers are assigned here: avo's allocator does not find the assignment that uses all sixteen.
var (
	ymm = []reg.VecPhysical{reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7, reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15}
	zmm = []reg.VecPhysical{reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7, reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15,
		reg.Z16, reg.Z17, reg.Z18}
)

// vec returns register i: accumulators first, then two vectors of B, one element of A and AVX2's mask.
func (s isa) vec(i int) reg.VecPhysical {
	if s.lanes == 16 {
		return zmm[i]
	}
	return ymm[i]
}

// panel writes C[m,n] = A[m,k]·B[k,n] for n up to two vectors. A's element (i,p) lies at a + i·ars + p·aks (bytes), so that
// the same code serves A and its transpose.
func (s isa) panel() {
	TEXT("panel"+s.name, NOSPLIT, "func(m, n, k int, a *float32, ars, aks uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr, acc bool)")
	Pragma("noescape")
	Doc(fmt.Sprintf("panel%s computes C = A·B, or C += A·B where acc, for 1 <= n <= %d. Strides are in bytes; A's element (i,p) lies at a + i·ars + p·aks.",
		s.name, 2*s.lanes))
	p := &panel{isa: s, m: GP64(), a: GP64(), ars: GP64(), aks: GP64(), ldb: GP64(), c: GP64(), ldc: GP64()}
	Load(Param("m"), p.m)
	Load(Param("a"), p.a)
	Load(Param("ars"), p.ars)
	Load(Param("aks"), p.aks)
	Load(Param("ldb"), p.ldb)
	Load(Param("c"), p.c)
	Load(Param("ldc"), p.ldc)
	n := GP64()
	Load(Param("n"), n)
	CMPQ(n, Imm(uint64(s.lanes)))
	JLE(LabelRef("narrow"))
	SUBQ(Imm(uint64(s.lanes)), n)
	if s.lanes == 8 {
		CMPQ(n, Imm(8))
		JNE(LabelRef("masked"))
		p.path("full", 2, false)
		Label("masked")
	}
	p.setMask(n)
	p.path("wide", 2, true)
	Label("narrow")
	p.setMask(n)
	p.path("narrowpath", 1, true)
}

type panel struct {
	isa
	m, a, ars, aks, ldb, c, ldc reg.GPVirtual
	k                           reg.OpmaskVirtual
}

func (p *panel) setMask(n reg.GPVirtual) {
	if p.lanes == 8 {
		loadMask(n, reg.Y15)
		return
	}
	p.k = K()
	loadMask16(n, p.k)
}

func (p *panel) load(src Mem, dst reg.VecPhysical, last, masked bool) {
	switch {
	case !last || !masked:
		VMOVUPS(src, dst)
	case p.lanes == 8:
		VMASKMOVPS(src, reg.Y15, dst)
	default:
		VMOVUPS_Z(src, p.k, dst)
	}
}

func (p *panel) store(src reg.VecPhysical, dst Mem, last, masked bool) {
	switch {
	case !last || !masked:
		VMOVUPS(src, dst)
	case p.lanes == 8:
		VMASKMOVPS(src, reg.Y15, dst)
	default:
		VMOVUPS(src, p.k, dst)
	}
}

// path writes the loop over tiles of full height and the lower tiles that end it.
func (p *panel) path(name string, vectors int, masked bool) {
	top, rest, done := name+"rows", name+"rest", name+"done"
	Label(top)
	CMPQ(p.m, Imm(uint64(p.rows)))
	JLT(LabelRef(rest))
	p.tile(fmt.Sprintf("%s%d", name, p.rows), p.rows, vectors, masked)
	SUBQ(Imm(uint64(p.rows)), p.m)
	JMP(LabelRef(top))
	Label(rest)
	for r := p.rows - 1; r >= 1; r-- {
		next := fmt.Sprintf("%snot%d", name, r)
		CMPQ(p.m, Imm(uint64(r)))
		JNE(LabelRef(next))
		p.tile(fmt.Sprintf("%s%d", name, r), r, vectors, masked)
		JMP(LabelRef(done))
		Label(next)
	}
	Label(done)
	VZEROUPPER()
	RET()
}

// tile writes rows x vectors of C and moves a and c below them.
func (p *panel) tile(name string, rows, vectors int, masked bool) {
	acc := make([][]reg.VecPhysical, rows)
	width := 4 * p.lanes
	flag := GP8()
	Load(Param("acc"), flag)
	out := GP64()
	MOVQ(p.c, out)
	for i := range acc {
		for v := range vectors {
			acc[i] = append(acc[i], p.vec(2*i+v))
		}
	}
	TESTB(flag, flag)
	JZ(LabelRef(name + "zero"))
	for i := range acc {
		for v, x := range acc[i] {
			p.load(Mem{Base: out, Disp: width * v}, x, v == vectors-1, masked)
		}
		if i < rows-1 {
			ADDQ(p.ldc, out)
		}
	}
	JMP(LabelRef(name + "start"))
	Label(name + "zero")
	for i := range acc {
		for _, x := range acc[i] {
			if p.lanes == 16 {
				VPXORD(x, x, x)
			} else {
				VXORPS(x, x, x)
			}
		}
	}
	Label(name + "start")

	kk, b := GP64(), GP64()
	Load(Param("k"), kk)
	Load(Param("b"), b)
	// Three rows share a base: base, base + stride, base + 2·stride.
	bases := []reg.GPVirtual{p.a}
	for i := 3; i < rows; i += 3 {
		r := GP64()
		LEAQ(Mem{Base: bases[len(bases)-1], Index: p.ars, Scale: 2}, r)
		ADDQ(p.ars, r)
		bases = append(bases, r)
	}
	start := GP64()
	MOVQ(p.a, start)
	TESTQ(kk, kk)
	JZ(LabelRef(name + "store"))
	Label(name + "loop")
	bv := make([]reg.VecPhysical, vectors)
	for v := range bv {
		bv[v] = p.vec(2*p.rows + v)
		p.load(Mem{Base: b, Disp: width * v}, bv[v], v == vectors-1, masked)
	}
	for i := range acc {
		x := p.vec(2*p.rows + 2)
		m := Mem{Base: bases[i/3]}
		if i%3 > 0 {
			m.Index, m.Scale = p.ars, uint8(i%3)
		}
		VBROADCASTSS(m, x)
		for v := range bv {
			VFMADD231PS(x, bv[v], acc[i][v])
		}
	}
	for _, r := range bases {
		ADDQ(p.aks, r)
	}
	ADDQ(p.ldb, b)
	DECQ(kk)
	JNZ(LabelRef(name + "loop"))

	Label(name + "store")
	MOVQ(p.c, out)
	for i := range acc {
		for v, x := range acc[i] {
			p.store(x, Mem{Base: out, Disp: width * v}, v == vectors-1, masked)
		}
		ADDQ(p.ldc, out)
	}
	MOVQ(out, p.c)
	// The next rows of A.
	MOVQ(start, p.a)
	for range rows {
		ADDQ(p.ars, p.a)
	}
}

// pack8 writes the transposition of strips of eight rows.
func pack8() {
	TEXT("pack8AVX2", NOSPLIT, "func(dst *float32, ldd uintptr, src *float32, lds uintptr, k int)")
	Pragma("noescape")
	Doc("pack8AVX2 sets dst[p][j] = src[j][p] for j < 8 and p < k. Strides are in bytes. It writes rows of dst up to the next multiple of eight.")
	dst, ldd, src, lds, k := GP64(), GP64(), GP64(), GP64(), GP64()
	Load(Param("dst"), dst)
	Load(Param("ldd"), ldd)
	Load(Param("src"), src)
	Load(Param("lds"), lds)
	Load(Param("k"), k)
	src3, src6 := GP64(), GP64()
	LEAQ(Mem{Base: src, Index: lds, Scale: 2}, src3)
	ADDQ(lds, src3)
	LEAQ(Mem{Base: src3, Index: lds, Scale: 2}, src6)
	ADDQ(lds, src6)
	bases := []reg.GPVirtual{src, src3, src6}
	row := func(j int) Mem {
		m := Mem{Base: bases[j/3]}
		if j%3 > 0 {
			m.Index, m.Scale = lds, uint8(j%3)
		}
		return m
	}
	mask := YMM()
	block := func(load func(m Mem, x reg.VecVirtual)) {
		r := make([]reg.VecVirtual, 8)
		for j := range r {
			r[j] = YMM()
			load(row(j), r[j])
		}
		t := make([]reg.VecVirtual, 8)
		for j := 0; j < 8; j += 2 {
			t[j], t[j+1] = YMM(), YMM()
			VUNPCKLPS(r[j+1], r[j], t[j])
			VUNPCKHPS(r[j+1], r[j], t[j+1])
		}
		u := make([]reg.VecVirtual, 8)
		for j := 0; j < 8; j += 4 {
			for h := range 2 {
				u[j+2*h], u[j+2*h+1] = YMM(), YMM()
				VUNPCKLPD(t[j+2+h], t[j+h], u[j+2*h])
				VUNPCKHPD(t[j+2+h], t[j+h], u[j+2*h+1])
			}
		}
		for _, half := range []uint64{0x20, 0x31} {
			for j := range 4 {
				y := YMM()
				VPERM2F128(Imm(half), u[j+4], u[j], y)
				VMOVUPS(y, Mem{Base: dst})
				ADDQ(ldd, dst)
			}
		}
	}
	Label("loop")
	CMPQ(k, Imm(8))
	JLT(LabelRef("rest"))
	block(func(m Mem, x reg.VecVirtual) { VMOVUPS(m, x) })
	for _, b := range bases {
		ADDQ(Imm(32), b)
	}
	SUBQ(Imm(8), k)
	JMP(LabelRef("loop"))
	Label("rest")
	TESTQ(k, k)
	JZ(LabelRef("done"))
	loadMask(k, mask)
	block(func(m Mem, x reg.VecVirtual) { VMASKMOVPS(m, mask, x) })
	Label("done")
	VZEROUPPER()
	RET()
}
