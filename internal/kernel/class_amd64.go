// The levels of x86-64 and what a processor must have for each.

package kernel

import "golang.org/x/sys/cpu"

func detect() level {
	x := &cpu.X86
	switch {
	case !x.HasAVX2 || !x.HasFMA:
		return levelGo
	case x.HasAVX512F && x.HasAVX512VL && x.HasAVX512DQ && x.HasBMI2:
		return levelAVX512
	}
	return levelAVX2
}

// vectors returns the level that a function of n elements runs on: pure Go where there are none.
func vectors(n int) level {
	if n == 0 {
		return levelGo
	}
	return vectorLevel
}
