// Command profile is the profile pass alone, for comparison with other programs: of every numeric column of a directory of
// Parquet files it finds rows, nulls, extremes, mean, deviation, seven quantiles and the number of different values, and of
// all pairs of columns the correlation. It reads and summarises with the packages that jobs are made of.
//
//	go run ./bench/profile [-workers 2] DIR
//
// The answer is JSON; seconds is the wall time of the pass, from listing the directory to the last number.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"time"

	"howdah/hdfsio"
	"howdah/hdfsio/shard"
	"howdah/internal/engine"
	"howdah/internal/sketch"
	"howdah/internal/table"
)

var shares = []float64{0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99}

type answer struct {
	Seconds      float64     `json:"seconds"`
	Columns      []column    `json:"columns"`
	Correlations [][]float64 `json:"correlations"`
}

type column struct {
	Name      string    `json:"name"`
	Rows      int64     `json:"rows"`
	Nulls     int64     `json:"nulls"`
	Min       float64   `json:"min"`
	Max       float64   `json:"max"`
	Mean      float64   `json:"mean"`
	Std       float64   `json:"std"`
	Quantiles []float64 `json:"quantiles"`
	Distinct  float64   `json:"distinct"`
}

func main() {
	log.SetFlags(0)
	workers := flag.Int("workers", runtime.GOMAXPROCS(0), "goroutines that read and summarise")
	memory := flag.Int64("memory", 128<<20, "bytes for data being read")
	cpu := flag.String("cpuprofile", "", "write a profile of the processor's time here")
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("usage: profile [-workers N] DIR")
	}
	runtime.GOMAXPROCS(*workers)
	if *cpu != "" {
		f, err := os.Create(*cpu)
		if err != nil {
			log.Fatal(err)
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			log.Fatal(err)
		}
		defer pprof.StopCPUProfile()
	}
	a, err := profile(context.Background(), flag.Arg(0), *workers, *memory)
	if err != nil {
		log.Fatal(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(a); err != nil {
		log.Fatal(err)
	}
}

func profile(ctx context.Context, dir string, workers int, memory int64) (*answer, error) {
	begun := time.Now()
	var fsys hdfsio.FS = hdfsio.Local{}
	entries, err := hdfsio.Glob(ctx, fsys, filepath.Join(dir, "*.parquet"))
	if err != nil {
		return nil, err
	}
	var shards []*shard.Shard
	for _, e := range entries {
		s, err := shard.Inspect(ctx, fsys, e.Path, filepath.Base(e.Path))
		if err != nil {
			return nil, err
		}
		shards = append(shards, s)
	}
	all, err := shard.Merge(shards)
	if err != nil {
		return nil, err
	}
	var fields table.Schema
	for _, f := range all {
		if f.Type.Numeric() && f.Name != "label" {
			fields = append(fields, f)
		}
	}
	reader := shard.NewReader(fsys, fields, shard.Options{Budget: shard.NewBudget(memory, workers)})
	units := shard.Units(shards, 0)
	parts := make([]*sketch.ProfileSet, len(units))
	tasks := make([]engine.Task, len(units))
	at := map[engine.Unit]int{}
	for i, u := range units {
		eu := engine.Unit{Shard: shards[u.Shard].Name, Index: u.Shard, From: u.From, To: u.To, FirstRow: u.FirstRow, Rows: u.Rows}
		tasks[i] = engine.Task{Func: "profile", Units: []engine.Unit{eu}}
		at[eu] = i
	}
	do := func(ctx context.Context, _ int, t engine.Task) ([]byte, error) {
		i := at[t.Units[0]]
		p := sketch.NewProfileSet(fields, uint64(i))
		for b, err := range reader.Read(ctx, shards[units[i].Shard], units[i]) {
			if err != nil {
				return nil, err
			}
			if err := p.Update(b); err != nil {
				return nil, err
			}
		}
		parts[i] = p
		return nil, nil
	}
	tree := engine.Tree[*sketch.ProfileSet]{Merge: func(into, from *sketch.ProfileSet) error { return into.Merge(from) }}
	local := &engine.Local{Workers: workers, Funcs: engine.Funcs{"profile": do}}
	err = local.Run(ctx, tasks, func(i int, _ []byte) error {
		p := parts[i]
		parts[i] = nil
		return tree.Add(p)
	})
	if err != nil {
		return nil, err
	}
	set, ok, err := tree.Result()
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("%s: no rows", dir)
	}
	a := &answer{}
	d := len(set.Numeric)
	flat := set.Pairs.Correlations()
	for i, p := range set.Columns {
		a.Columns = append(a.Columns, column{p.Field.Name, p.Rows, p.Nulls, p.Moments.Min, p.Moments.Max, p.Moments.Mean, p.Moments.Std(1),
			p.Values.Quantiles(shares...), math.Round(p.Distinct.Estimate())})
		a.Correlations = append(a.Correlations, flat[i*d:(i+1)*d])
	}
	a.Seconds = time.Since(begun).Seconds()
	return a, nil
}
