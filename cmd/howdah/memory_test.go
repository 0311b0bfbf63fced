package main

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestHeapBoundFollowsWhatIsInUse(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "")
	t.Setenv("GOGC", "")
	before := debug.SetMemoryLimit(math.MaxInt64)
	defer debug.SetMemoryLimit(before)
	stop := boundHeap(8 << 20)
	if got := debug.SetMemoryLimit(-1); got != heapBound(9<<20) {
		t.Errorf("at the beginning the bound is %d, want %d", got, heapBound(9<<20))
	}
	held := make([]byte, 100<<20)
	runtime.GC()
	deadline := time.Now().Add(10 * time.Second)
	for debug.SetMemoryLimit(-1) < 100<<20+heapSlack {
		if time.Now().After(deadline) {
			t.Fatalf("100 MiB are in use and the bound is %d", debug.SetMemoryLimit(-1))
		}
		time.Sleep(heapEvery)
	}
	runtime.KeepAlive(held)
	stop()
	if got := debug.SetMemoryLimit(-1); got != math.MaxInt64 {
		t.Errorf("afterwards the bound is %d", got)
	}
	if got := debug.SetGCPercent(100); got != 100 {
		t.Errorf("afterwards garbage is collected at %d%%", got)
	}
}

func TestHeapBoundLeavesTheEnvironmentAlone(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "1GiB")
	before := debug.SetMemoryLimit(-1)
	defer boundHeap(8 << 20)()
	if got := debug.SetMemoryLimit(-1); got != before {
		t.Errorf("the bound is %d, was %d", got, before)
	}
}
