// Command train measures epochs over encoded rows, on one core: the rows lie in a scratch file as those of a run do, and every
// epoch reads them from there, shuffled. It is one side of bench/train.py.
//
//	train -rows N -cols D -model logistic|mlp -batch B -epochs E FILE
//
// FILE holds N×D float32 and then N labels. The answer is JSON: seconds of each epoch and its mean loss.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"iter"
	"log"
	"os"
	"runtime"
	"time"
	"unsafe"

	"howdah/hdfsio/rowfile"
	"howdah/internal/table"
	"howdah/train"
)

// sweep presents the scratch to the trainer, as jobs does.
type sweep struct{ *rowfile.Set }

func (s sweep) Batches(ctx context.Context, o train.Order) iter.Seq2[*table.Encoded, error] {
	return s.Set.Batches(ctx, o.Seed, o.Epoch, o.BatchSize, o.Skip)
}

func main() {
	log.SetFlags(0)
	rows := flag.Int("rows", 0, "rows")
	cols := flag.Int("cols", 0, "columns")
	model := flag.String("model", "logistic", "logistic or mlp")
	batch := flag.Int("batch", 256, "rows of an update")
	epochs := flag.Int("epochs", 1, "epochs")
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("usage: train -rows N -cols D FILE")
	}
	runtime.GOMAXPROCS(1)
	if err := run(flag.Arg(0), *rows, *cols, *model, *batch, *epochs); err != nil {
		log.Fatal(err)
	}
}

func run(name string, rows, cols int, model string, batch, epochs int) error {
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if len(b) != 4*rows*(cols+1) {
		return fmt.Errorf("%s: %d bytes; want %d rows of %d numbers and a label", name, len(b), rows, cols)
	}
	all := unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(b))), rows*(cols+1))
	x, y := all[:rows*cols], all[rows*cols:]
	counts := make([]float64, 2)
	for _, v := range y {
		counts[int(v)]++
	}
	layout := table.Layout{Classes: []string{"0", "1"}}
	for i := range cols {
		layout.Dense = append(layout.Dense, fmt.Sprint("x", i))
	}
	scratch, err := os.CreateTemp("", "howdah-bench-*")
	if err != nil {
		return err
	}
	defer os.Remove(scratch.Name())
	defer scratch.Close()
	buf := bufio.NewWriterSize(scratch, 1<<20)
	w := rowfile.NewWriter(buf, layout)
	ids, each := make([]uint64, table.BatchRows), make([]int32, table.BatchRows)
	for at := 0; at < rows; at += table.BatchRows {
		n := min(table.BatchRows, rows-at)
		for i := range n {
			ids[i], each[i] = uint64(at+i), int32(i)
		}
		e := &table.Encoded{Rows: n, Dense: x[at*cols : (at+n)*cols], Labels: y[at : at+n], IDs: ids[:n]}
		if err := w.Append(e, each[:n]); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	if err := buf.Flush(); err != nil {
		return err
	}
	st, err := scratch.Stat()
	if err != nil {
		return err
	}
	file, err := rowfile.Open(scratch, st.Size(), scratch.Name(), layout)
	if err != nil {
		return err
	}
	b, all, x, y = nil, nil, nil, nil // not needed any more
	cfg := train.Config{Model: train.ModelConfig{Type: model}, Train: train.TrainConfig{Epochs: epochs, BatchSize: batch, Seed: 7}}
	net, err := train.New(cfg, layout, train.Options{ClassCounts: counts})
	if err != nil {
		return err
	}
	set := sweep{rowfile.NewSet(layout, []*rowfile.File{file})}
	var out struct {
		Seconds []float64 `json:"seconds"`
		Loss    []float64 `json:"loss"`
	}
	for range epochs {
		begun := time.Now()
		losses, err := net.Round(context.Background(), set)
		if err != nil {
			return err
		}
		out.Seconds = append(out.Seconds, time.Since(begun).Seconds())
		out.Loss = append(out.Loss, losses.Loss)
		if err := net.Observe(nil); err != nil {
			return err
		}
	}
	return json.NewEncoder(os.Stdout).Encode(out)
}
