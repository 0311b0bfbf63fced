// Command read measures how fast Parquet comes into batches: all columns of a directory of files by our reader, on one core
// and on two, against the least that can be done with parquet-go: a loop that decodes every page and lets it go.
//
//	go run ./bench/read [-repeat 5] DIR
//
// The three take turns. Wall time and processor time (user and system) are medians; under another load the latter is the
// steadier one.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/parquet-go/parquet-go"

	"howdah/hdfsio"
	"howdah/hdfsio/shard"
)

func main() {
	log.SetFlags(0)
	repeat := flag.Int("repeat", 5, "turns")
	memory := flag.Int64("memory", 128<<20, "bytes for data being read")
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("usage: read [-repeat N] DIR")
	}
	names, err := filepath.Glob(filepath.Join(flag.Arg(0), "*.parquet"))
	if err == nil && len(names) == 0 {
		err = fmt.Errorf("%s: no Parquet file", flag.Arg(0))
	}
	if err != nil {
		log.Fatal(err)
	}
	one, err := open(names, 1, *memory)
	if err != nil {
		log.Fatal(err)
	}
	two, err := open(names, 2, *memory)
	if err != nil {
		log.Fatal(err)
	}
	sides := []*side{
		{name: "parquet-go's pages, 1 core", procs: 1, run: func() (int64, error) { return pages(names) }},
		{name: "batches, 1 core", procs: 1, run: one.batches},
		{name: "batches, 2 cores", procs: 2, run: two.batches},
	}
	for turn := range *repeat + 1 { // the first turn warms the page cache
		for _, s := range sides {
			if err := s.measure(turn > 0); err != nil {
				log.Fatal(err)
			}
		}
	}
	fmt.Printf("%-28s %9s %9s %12s\n", "", "wall s", "cpu s", "Mvalues/s")
	for _, s := range sides {
		fmt.Printf("%-28s %9.3f %9.3f %12.1f\n", s.name, median(s.wall), median(s.cpu), float64(s.values)/median(s.wall)/1e6)
	}
	bare, single, double := sides[0], sides[1], sides[2]
	fmt.Printf("1 core against pages: %.2f by wall time, %.2f by processor time (wanted: at least 0.8)\n", median(bare.wall)/median(single.wall), median(bare.cpu)/median(single.cpu))
	fmt.Printf("2 cores against 1:    %.2f by wall time (wanted: at least 1.6)\n", median(single.wall)/median(double.wall))
}

type side struct {
	name      string
	procs     int
	run       func() (int64, error)
	values    int64
	wall, cpu []float64
}

func (s *side) measure(count bool) error {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(s.procs))
	begun, used := time.Now(), processor()
	values, err := s.run()
	if err != nil {
		return err
	}
	s.values = values
	if count {
		s.wall = append(s.wall, time.Since(begun).Seconds())
		s.cpu = append(s.cpu, (processor() - used).Seconds())
	}
	return nil
}

// processor is the time that this process has computed.
func processor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		log.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}

// pages decodes every page of every column with parquet-go.
func pages(names []string) (values int64, err error) {
	for _, name := range names {
		n, err := pagesOf(name)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		values += n
	}
	return values, nil
}

func pagesOf(name string) (values int64, err error) {
	h, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer h.Close()
	st, err := h.Stat()
	if err != nil {
		return 0, err
	}
	f, err := parquet.OpenFile(h, st.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true), parquet.ReadBufferSize(1<<20))
	if err != nil {
		return 0, err
	}
	for _, g := range f.RowGroups() {
		for _, c := range g.ColumnChunks() {
			pages := c.Pages()
			for {
				p, err := pages.ReadPage()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					return 0, err
				}
				values += p.NumValues()
				parquet.Release(p)
			}
			if err := pages.Close(); err != nil {
				return 0, err
			}
		}
	}
	return values, nil
}

// source is the files with a reader of all their columns. Its buffers are warm after the first turn, as parquet-go's are.
type source struct {
	workers int
	shards  []*shard.Shard
	units   []shard.Unit
	reader  *shard.Reader
}

func open(names []string, workers int, memory int64) (*source, error) {
	s := &source{workers: workers}
	fsys := hdfsio.Local{}
	for _, name := range names {
		sh, err := shard.Inspect(context.Background(), fsys, name, filepath.Base(name))
		if err != nil {
			return nil, err
		}
		s.shards = append(s.shards, sh)
	}
	schema, err := shard.Merge(s.shards)
	if err != nil {
		return nil, err
	}
	s.units = shard.Units(s.shards, 0)
	s.reader = shard.NewReader(fsys, schema, shard.Options{Budget: shard.NewBudget(memory, workers)})
	return s, nil
}

// batches reads every column into batches.
func (s *source) batches() (int64, error) {
	var next, values atomic.Int64
	errs := make([]error, s.workers)
	var wg sync.WaitGroup
	for w := range s.workers {
		wg.Go(func() {
			for errs[w] == nil {
				i := int(next.Add(1)) - 1
				if i >= len(s.units) {
					return
				}
				for b, err := range s.reader.Read(context.Background(), s.shards[s.units[i].Shard], s.units[i]) {
					if err != nil {
						errs[w] = err
						break
					}
					values.Add(int64(b.Rows) * int64(len(b.Cols)))
				}
			}
		})
	}
	wg.Wait()
	return values.Load(), errors.Join(errs...)
}
