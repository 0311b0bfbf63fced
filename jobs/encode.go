package jobs

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"

	"howdah/hdfsio/rowfile"
	"howdah/internal/engine"
	"howdah/internal/table"
	"howdah/preprocess"
	"howdah/train"
)

// encoded is the scratch that epochs sweep: for each unit and side a file of encoded rows on the local disk, in a directory
// named by the content it depends on. Safe to delete at any time: it is made again.
type encoded struct {
	key         string // of the content: what the rows are made of
	dir         string
	space       *workspace
	layout      table.Layout
	transformer *preprocess.Transformer
	sets        [3]*rowfile.Set
	files       []*os.File
	weightSum   float64 // of the training rows
}

// close closes the files and leaves them to the run's next owner.
func (e *encoded) close() {
	if e != nil {
		e.closeFiles()
		e.space.close()
	}
}

func (e *encoded) closeFiles() {
	for _, f := range e.files {
		f.Close()
	}
	e.files = nil
}

// remove closes the files and deletes them.
func (e *encoded) remove() {
	if e != nil {
		e.closeFiles()
		e.space.remove()
	}
}

// encodedPart says what a unit came to.
type encodedPart struct {
	Units []encodedUnit `json:"units"`
}

type encodedUnit struct {
	Rows   [3]int64 `json:"rows"`
	Weight float64  `json:"weight"`
}

func (p *encodedPart) Merge(q *encodedPart) error {
	p.Units = append(p.Units, q.Units...)
	return nil
}

func (p *encodedPart) AppendBinary(b []byte) ([]byte, error) {
	j, err := json.Marshal(p)
	return append(b, j...), err
}

func (p *encodedPart) UnmarshalBinary(b []byte) error { return json.Unmarshal(b, p) }

func (r *runner) encode(ctx context.Context) error {
	t, err := r.plan.Transformer(r.state, r.plan.Kept(r.state))
	if err != nil {
		return r.featureError(err)
	}
	layout := t.Layout()
	layout.Classes = r.target.Classes()
	layout.Weight = r.src.roles.Weight != ""
	layout.Codes = slices.Clone(layout.Codes)
	for i, c := range layout.Codes {
		if c.Dim == 0 {
			layout.Codes[i].Dim = r.job.Spec.Model.Embedding.Dim
		}
	}
	stateHash, err := appendHash(t)
	if err != nil {
		return err
	}
	splitHash, err := appendHash(r.split)
	if err != nil {
		return err
	}
	targetHash, err := appendHash(r.target)
	if err != nil {
		return err
	}
	a := r.args()
	a.Split, a.State, a.Target = splitHash, stateHash, targetHash
	b, err := json.Marshal(a)
	if err != nil {
		return err
	}
	key := engine.Task{Func: "encode/1", Units: r.units, Args: b}.Key()
	r.enc.close() // of a round before a bad shard was left out
	space, err := openWorkspace(r.job.Spec.Runtime.Scratch, r.run)
	if err != nil {
		return err
	}
	e := &encoded{key: key, dir: filepath.Join(space.dir, key), space: space, layout: layout, transformer: t}
	r.enc = e
	if e.complete(r.units) {
		part, err := r.encodeRows(ctx, a)
		if err != nil {
			return err
		}
		if err = e.open(r.units, part); err == nil || ClassOf(err) == DataError {
			return err
		}
		e.closeFiles()
		r.log.Warn("the encoded rows that a former owner left are damaged and are made again", "err", err.Error())
	}
	if err := e.clear(); err != nil {
		return scratchError(err)
	}
	// The rows are gone: what the record says of the pass does not bring them back.
	if err := r.run.Remove(ctx, "state/encode-"+key+".bin"); err != nil {
		return err
	}
	part, err := r.encodeRows(ctx, a)
	if err != nil {
		return err
	}
	return e.open(r.units, part)
}

// clear empties the run's directory of rows, whatever their key.
func (e *encoded) clear() error {
	entries, err := os.ReadDir(e.space.dir)
	if err != nil {
		return err
	}
	for _, x := range entries {
		if x.Name() == lockFile {
			continue
		}
		if err := os.RemoveAll(filepath.Join(e.space.dir, x.Name())); err != nil {
			return err
		}
	}
	return os.MkdirAll(e.dir, 0o700)
}

// encodeRows runs the pass, or finds its outcome.
func (r *runner) encodeRows(ctx context.Context, a args) (*encodedPart, error) {
	scan, err := r.scanFor(true)
	if err != nil {
		return nil, err
	}
	part, err := run(ctx, r, pass{Name: "encode", Func: "encode/1", Args: a}, r.units, func() *encodedPart { return &encodedPart{} },
		func(ctx context.Context, w *scratch, u engine.Unit) (*encodedPart, error) {
			return r.encodeUnit(ctx, scan, w, u)
		})
	return part, dataError(err)
}

// open opens the files of rows for sweeping; they must be as the pass counted them.
func (e *encoded) open(units []engine.Unit, part *encodedPart) error {
	if len(part.Units) != len(units) {
		return fmt.Errorf("%s: rows of %d units, want %d", e.dir, len(part.Units), len(units))
	}
	e.weightSum = 0
	rows := int64(0)
	for _, u := range part.Units {
		e.weightSum += u.Weight
		rows += u.Rows[preprocess.SideTrain]
	}
	if rows > 0 && e.weightSum == 0 {
		return withClass(DataError, fmt.Errorf("weight: all %d training rows weigh 0", rows))
	}
	for side := range e.sets {
		var files []*rowfile.File
		for i, u := range units {
			if part.Units[i].Rows[side] == 0 {
				continue
			}
			f, err := os.Open(e.file(u, side))
			if err != nil {
				return err
			}
			e.files = append(e.files, f)
			st, err := f.Stat()
			if err != nil {
				return err
			}
			rf, err := rowfile.Open(f, st.Size(), f.Name(), e.layout)
			if err != nil {
				return err
			}
			if rf.Rows() != part.Units[i].Rows[side] {
				return fmt.Errorf("%s: %d rows, want %d; delete it and run again", f.Name(), rf.Rows(), part.Units[i].Rows[side])
			}
			files = append(files, rf)
		}
		e.sets[side] = rowfile.NewSet(e.layout, files)
	}
	return nil
}

// file names the rows of one side of a unit.
func (e *encoded) file(u engine.Unit, side int) string {
	return filepath.Join(e.dir, fmt.Sprintf("%06d-%06d.%s", u.Index, u.From, preprocess.SideNames[side]))
}

// complete says whether the directory has a file for each unit; whether they are whole is checked when they are opened.
func (e *encoded) complete(units []engine.Unit) bool {
	for _, u := range units {
		for side := range e.sets {
			if _, err := os.Stat(e.file(u, side)); err != nil {
				return false
			}
		}
	}
	return true
}

func (r *runner) encodeUnit(ctx context.Context, scan *scan, w *scratch, u engine.Unit) (*encodedPart, error) {
	var out encodedUnit
	var writers [3]*rowfile.Writer
	var buffers [3]*bufio.Writer
	var files [3]*os.File
	defer func() {
		for _, f := range files {
			if f != nil {
				f.Close()
				os.Remove(f.Name()) // renamed by now, unless something went wrong
			}
		}
	}()
	for side := range writers {
		f, err := os.CreateTemp(r.enc.dir, ".part-*")
		if err != nil {
			return nil, scratchError(err)
		}
		files[side] = f
		buffers[side] = bufio.NewWriterSize(f, 1<<18)
		writers[side] = rowfile.NewWriter(buffers[side], r.enc.layout)
	}
	var side sideScratch
	enc := &table.Encoded{}
	var keep []int32
	var classWeights []float64
	err := scan.each(ctx, u, w, func(b rows) error {
		if err := r.sides(b, &side); err != nil {
			return err
		}
		ids := b.IDs
		t := b.Batch
		rowsOf := side.rows
		if side.dropped > 0 {
			keep = keep[:0]
			for i, d := range side.drop {
				if !d {
					keep = append(keep, int32(i))
				}
			}
			t = table.Take(t, keep, &w.arena)
			at := make([]int32, b.Rows) // new place of each row
			for i, k := range keep {
				at[k] = int32(i)
				ids[i] = ids[k]
			}
			for s := range rowsOf {
				for i, k := range rowsOf[s] {
					rowsOf[s][i] = at[k]
				}
			}
		}
		if t.Rows == 0 {
			return nil
		}
		if err := r.enc.transformer.Apply(t, enc); err != nil {
			return err
		}
		enc.Rows = t.Rows
		enc.IDs = ids[:t.Rows]
		enc.Labels = grow(enc.Labels, t.Rows)
		label, err := r.labelOf(t)
		if err != nil {
			return err
		}
		if err := r.target.Apply(t.Origin, label, enc.Labels); err != nil {
			return err
		}
		enc.Weights = nil
		if name := r.src.roles.Weight; name != "" {
			enc.Weights = grow(enc.Weights, t.Rows)
			if err := preprocess.Weights(t.Origin, name, t.Lookup(name), classWeights, enc.Labels, enc.Weights); err != nil {
				return err
			}
		}
		for s := range writers {
			if err := writers[s].Append(enc, rowsOf[s]); err != nil {
				return scratchError(err)
			}
			out.Rows[s] += int64(len(rowsOf[s]))
		}
		for _, i := range rowsOf[preprocess.SideTrain] {
			if enc.Weights != nil {
				out.Weight += float64(enc.Weights[i])
			} else {
				out.Weight++
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for s := range writers {
		if err := writers[s].Close(); err != nil {
			return nil, scratchError(err)
		}
		if err := buffers[s].Flush(); err != nil {
			return nil, scratchError(err)
		}
		if err := files[s].Close(); err != nil {
			return nil, scratchError(err)
		}
		if err := os.Rename(files[s].Name(), r.enc.file(u, s)); err != nil {
			return nil, scratchError(err)
		}
		files[s] = nil
	}
	return &encodedPart{[]encodedUnit{out}}, nil
}

// sweep presents a set of encoded rows to the trainer.
type sweep struct{ *rowfile.Set }

// Batches implements train.Rows.
func (s sweep) Batches(ctx context.Context, o train.Order) iter.Seq2[*table.Encoded, error] {
	if o.Sequential {
		return s.InOrder(ctx, o.BatchSize, o.Skip)
	}
	return s.Set.Batches(ctx, o.Seed, o.Epoch, o.BatchSize, o.Skip)
}

// trainState is the file of the checkpoint.
const trainState = "state/train.ckpt"
