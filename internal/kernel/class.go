// Class selection: which implementation runs, and how a job pins it.

package kernel

import "fmt"

// The classes of machine that plan.json may name.
const (
	FMA      = "fma"      // fused multiply-add, by AVX2 or AVX-512
	Portable = "portable" // each product rounded before it is added
)

// level is what the matrix products and loops run on, from the least to the most.
type level int

const (
	levelGo level = iota
	levelAVX2
	levelAVX512
)

// best is the highest level of this machine; products and vectors run on their own.
var best, productLevel, vectorLevel level

func init() {
	best = detect()
	set(best)
}

// set puts everything on level l.
func set(l level) { productLevel, vectorLevel = l, l }

// Class names the arithmetic of the matrix products: [FMA] or [Portable].
func Class() string {
	if productLevel == levelGo {
		return Portable
	}
	return FMA
}

// Use makes the package run as class, and says by name why it cannot. It is meant for a program's start, before any work:
// it must not run beside any other function of this package.
func Use(class string) error {
	switch class {
	case Portable:
		productLevel = levelGo // vectors give the same bits on every level
	case FMA:
		if best == levelGo {
			return fmt.Errorf("kernel class %q: this machine has neither AVX2 with FMA nor AVX-512; it has class %q", class, Portable)
		}
		productLevel = best
	default:
		return fmt.Errorf("kernel class %q: unknown, want %q or %q", class, FMA, Portable)
	}
	return nil
}
