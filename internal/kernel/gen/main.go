//go:build avo

// Command gen writes the assembly of package kernel by avo: one file for the matrix products, one for the vectors.
// go generate runs it; it is not part of any other build.
package main

import (
	"flag"
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func main() {
	what := flag.String("what", "", "gemm or vector")
	flag.Parse()
	switch *what {
	case "gemm":
		for _, s := range []isa{avx512, avx2} {
			s.panel()
		}
		pack8()
	case "vector":
		vectors()
	}
	Generate()
}

var constants = map[uint32]Mem{}

// bits returns a vector of sixteen copies of a 32-bit word in the read-only data.
func bits(w uint32) Mem {
	m, ok := constants[w]
	if !ok {
		m = GLOBL(fmt.Sprintf("word%08x", w), rodata)
		for i := range 16 {
			DATA(4*i, U32(w))
		}
		constants[w] = m
	}
	return m
}

// number returns a vector of sixteen copies of a float32.
func number(x float32) Mem { return bits(math.Float32bits(x)) }

// tailMask returns 16 words of which the last eight are zero: the eight from 8-r on let r lanes through.
func tailMask() Mem {
	if tail == nil {
		m := GLOBL("tailmask", rodata)
		for i := range 16 {
			w := uint32(0)
			if i < 8 {
				w = math.MaxUint32
			}
			DATA(4*i, U32(w))
		}
		tail = &m
	}
	return *tail
}

var tail *Mem

// loadMask sets mask to the mask of the first r of eight lanes, 0 <= r <= 8; r is overwritten.
func loadMask(r reg.GPVirtual, mask Op) {
	base := GP64()
	LEAQ(tailMask(), base)
	SHLQ(Imm(2), r)
	SUBQ(r, base)
	VMOVDQU(Mem{Base: base, Disp: 32}, mask)
}

// loadMask16 sets k to the mask of the first r of sixteen lanes.
func loadMask16(r reg.GPVirtual, k reg.OpmaskVirtual) {
	ones := GP64()
	MOVQ(U64(0xffffffff), ones)
	BZHIQ(r, ones, ones)
	KMOVW(ones.As32(), k)
}
