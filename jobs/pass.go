package jobs

import (
	"context"
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"howdah/hdfsio/shard"
	"howdah/internal/engine"
)

// errShardSkipped restarts a pass without a shard that turned out to be bad.
var errShardSkipped = errors.New("a bad shard was left out")

// part is what a unit of a pass comes to: it merges with its neighbour and travels as bytes.
type part[P any] interface {
	encoding.BinaryAppender
	encoding.BinaryUnmarshaler
	Merge(P) error
}

// pass names a pass and everything but the units that its outcome depends on.
type pass struct {
	Name    string // as shown to people
	Func    string // name and version of what is computed
	Args    any    // hashed: recipe, fitted state, kernel class
	Columns int    // read, for the record
}

// run maps do over the units and merges the parts along the fixed tree. The outcome is kept in the run's state
// directory under a key of its content: a resumed run finds it there.
func run[P part[P]](ctx context.Context, r *runner, p pass, units []engine.Unit, fresh func() P, do func(ctx context.Context, w *scratch, u engine.Unit) (P, error)) (P, error) {
	var none P
	args, err := json.Marshal(p.Args)
	if err != nil {
		return none, err
	}
	whole := engine.Task{Func: p.Func, Units: units, Args: args}
	file := "state/" + p.Name + "-" + whole.Key() + ".bin"
	if b, err := r.run.Read(ctx, file); err == nil {
		out := fresh()
		if err := unseal(b, out); err == nil {
			r.progress.pass(p.Name, len(units), rowsOf(units)).found()
			r.log.Info("pass found", "pass", p.Name, "units", len(units))
			return out, nil
		}
		r.log.Warn("a kept outcome is damaged and is computed again", "pass", p.Name, "file", r.run.Path(file))
	} else if !errors.Is(err, fs.ErrNotExist) {
		return none, err
	}
	bar := r.progress.pass(p.Name, len(units), rowsOf(units))
	defer bar.done()
	begun := time.Now()
	tasks := make([]engine.Task, len(units))
	for i, u := range units {
		tasks[i] = engine.Task{Func: p.Func, Units: []engine.Unit{u}, Args: args}
	}
	// Here parts stay in memory: on goroutines the bytes of an outcome would be written only to be read again.
	parts := make([]P, len(units))
	local := &engine.Local{Workers: r.workers, Funcs: engine.Funcs{p.Func: func(ctx context.Context, worker int, t engine.Task) ([]byte, error) {
		u := t.Units[0]
		out, err := do(ctx, r.scratch[worker], u)
		if err != nil {
			return nil, err
		}
		parts[taskIndex(units, u)] = out
		bar.add(u)
		return nil, nil
	}}}
	tree := engine.Tree[P]{Merge: func(into, from P) error { return into.Merge(from) }}
	err = local.Run(ctx, tasks, func(i int, _ []byte) error {
		out := parts[i]
		parts[i] = none
		return tree.Add(out)
	})
	if err != nil {
		// The name of the function and its hash say nothing to people; the error itself names the file.
		if task := (*engine.TaskError)(nil); errors.As(err, &task) && !strings.Contains(task.Err.Error(), task.Task.Units[0].Shard) {
			err = fmt.Errorf("%s of %s: %w", p.Name, task.Task.Units[0].Shard, task.Err)
		} else if task != nil {
			err = fmt.Errorf("%s: %w", p.Name, task.Err)
		}
		return none, r.badShard(err)
	}
	out, ok, err := tree.Result()
	if err != nil {
		return none, fmt.Errorf("%s: %w", p.Name, err)
	}
	if !ok {
		out = fresh()
	}
	b, err := seal(out)
	if err != nil {
		return none, fmt.Errorf("%s: %w", p.Name, err)
	}
	if err := r.run.WriteBehind(ctx, file, b); err != nil {
		return none, err
	}
	r.log.Info("pass done", "pass", p.Name, "units", len(units), "rows", rowsOf(units), "bytes", len(b), "dur", time.Since(begun).Seconds())
	return out, r.run.logs.flushNowAndThen(ctx)
}

// taskIndex finds a unit in the list: units are in the order of shards and rows.
func taskIndex(units []engine.Unit, u engine.Unit) int {
	lo, hi := 0, len(units)
	for lo < hi {
		m := (lo + hi) / 2
		if x := units[m]; x.Index < u.Index || (x.Index == u.Index && x.From < u.From) {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return lo
}

// badShard turns the failure of a shard into its being left out, where the job says so.
func (r *runner) badShard(err error) error {
	var bad *shard.BadShardError
	if !errors.As(err, &bad) {
		return err
	}
	if errors.Is(err, shard.ErrChanged) {
		return fmt.Errorf("%w; a run reads the files that it found when it began: run it again to read them as they are", err)
	}
	if r.job.Spec.Data.BadShards != "skip" {
		return fmt.Errorf("%w (data.bad_shards: skip would leave it out)", err)
	}
	if !r.inputs.skip(bad.Shard, bad) {
		return err
	}
	r.log.Warn("bad shard left out", "shard", bad.Shard, "reason", bad.Error())
	return errShardSkipped
}

func rowsOf(units []engine.Unit) (n int64) {
	for _, u := range units {
		n += u.Rows
	}
	return n
}

// seal appends a checksum to the bytes of a part, so that a damaged one is seen.
func seal(p encoding.BinaryAppender) ([]byte, error) {
	b, err := p.AppendBinary(nil)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b)
	return append(b, sum[:8]...), nil
}

func unseal(b []byte, p encoding.BinaryUnmarshaler) error {
	body, err := unsealed(b)
	if err != nil {
		return err
	}
	return p.UnmarshalBinary(body)
}

func unsealed(b []byte) ([]byte, error) {
	if len(b) < 8 {
		return nil, errors.New("too short")
	}
	body := b[:len(b)-8]
	sum := sha256.Sum256(body)
	if string(sum[:8]) != string(b[len(b)-8:]) {
		return nil, errors.New("checksum differs")
	}
	return body, nil
}

func hashOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}
