package main

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// A process may use what its job's budget for reading allows, whatever the table's size, and garbage is collected when that is
// used up: a small table then peaks where a large one does, and pays for fewer collections. Where more is in use than the
// budget foresees, the bound follows it, a third above.
const (
	heapEvery = 50 * time.Millisecond // how often the bound is looked at
	heapSlack = 32 << 20              // bytes besides what is in use
)

// boundHeap keeps the process near the budget, or as low above it as what is in use allows, until stop is called. GOMEMLIMIT and GOGC in the environment are left alone.
func boundHeap(budget int64) (stop func()) {
	if os.Getenv("GOMEMLIMIT") != "" || os.Getenv("GOGC") != "" {
		return func() {}
	}
	least := budget + budget/8 // a small table should meet the bound that a large one does
	bound := heapBound(least)
	limit, percent := debug.SetMemoryLimit(bound), debug.SetGCPercent(-1)
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(heapEvery)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
				// A bound below what is in use would have the collector run all the time.
				if want := max(heapBound(least), heapBound(inUse())); want > bound || want < bound-heapSlack/4 {
					bound = want
					debug.SetMemoryLimit(bound)
				}
			}
		}
	}()
	return func() {
		close(quit)
		<-done
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}
}

func heapBound(inUse int64) int64 { return inUse + inUse/3 + heapSlack }

// inUse is the bytes that the latest collection found in use.
func inUse() int64 {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	if s[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return int64(s[0].Value.Uint64())
}
