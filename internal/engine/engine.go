// Package engine runs the tasks of a pass: on goroutines here, on Hadoop's own engine later, with the same outcome.
//
// A pass maps a pure function over units of rows and merges the outcomes in a fixed tree over the units. A task is data
// (Go cannot send code, but a worker is the same binary and knows the same functions by name); its Key is a hash of all
// that decides its outcome. Outcomes are handed over in task order, whatever order they were computed in.
//
// Invariant: what a pass yields does not depend on the engine, on the number of workers or on who finished first.
package engine

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"runtime/debug"
	"sync"
)

// Unit is a run of row groups of one file: the grain of accumulation. It names its content, so that it can be a key.
type Unit struct {
	Shard    string `json:"shard"` // path below the data root
	Size     int64  `json:"size"`  // of the file, bytes
	ModTime  int64  `json:"mtime"` // Unix nanoseconds
	Footer   string `json:"footer"`
	Index    int    `json:"index"` // of the shard in the frozen list
	From     int    `json:"from"`  // row groups [From, To)
	To       int    `json:"to"`
	FirstRow int64  `json:"first_row"`
	Rows     int64  `json:"rows"`
}

// Task is one piece of a pass: apply Func to Units, in this order.
type Task struct {
	Func  string          `json:"func"` // a name in Funcs, the same in driver and worker
	Units []Unit          `json:"units"`
	Args  json.RawMessage `json:"args"` // hashes of the job's recipe and of the fitted state it uses
}

// Key identifies the task's outcome: a hash of the function's name, the arguments and the content of the units.
func (t Task) Key() string {
	h := sha256.New()
	field(h, []byte(t.Func))
	field(h, t.Args)
	for _, u := range t.Units {
		field(h, []byte(u.Shard))
		field(h, []byte(u.Footer))
		for _, n := range []int64{u.Size, u.ModTime, int64(u.From), int64(u.To), u.FirstRow, u.Rows} {
			_ = binary.Write(h, binary.LittleEndian, n)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func field(h hash.Hash, b []byte) {
	_ = binary.Write(h, binary.LittleEndian, int64(len(b)))
	h.Write(b)
}

// Func computes a task's outcome: the same task gives the same bytes. worker numbers the calling goroutine from 0, for
// memory that is kept between tasks and never shared.
type Func func(ctx context.Context, worker int, t Task) ([]byte, error)

// Funcs are the functions that tasks name.
type Funcs map[string]Func

// Engine runs tasks in any order, any number at once, and hands the outcomes to emit one at a time, in task order. The
// first error, of a task or of emit, ends it; tasks under way are cancelled and waited for.
type Engine interface {
	Run(ctx context.Context, tasks []Task, emit func(i int, outcome []byte) error) error
}

// TaskError says which task failed.
type TaskError struct {
	Task Task
	Err  error
}

func (e *TaskError) Error() string {
	if len(e.Task.Units) == 1 {
		if u := e.Task.Units[0]; u.Shard != "" {
			return fmt.Sprintf("%s of %s: %v", e.Task.Func, u.Shard, e.Err)
		}
	}
	return fmt.Sprintf("%s: %v", e.Task.Func, e.Err)
}

func (e *TaskError) Unwrap() error { return e.Err }

// Local runs tasks on goroutines of this process.
type Local struct {
	Workers int // at least 1
	Funcs   Funcs
}

// Run implements Engine. At most 2 x Workers outcomes wait for their turn, so that memory stays bounded when one task is
// slow.
func (e *Local) Run(ctx context.Context, tasks []Task, emit func(i int, outcome []byte) error) error {
	workers := min(max(e.Workers, 1), len(tasks))
	if workers == 0 {
		return nil
	}
	for _, t := range tasks {
		if e.Funcs[t.Func] == nil {
			return fmt.Errorf("engine: no function %q in this binary", t.Func)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type outcome struct {
		b   []byte
		err error
	}
	slots := make([]chan outcome, len(tasks))
	for i := range slots {
		slots[i] = make(chan outcome, 1)
	}
	next := make(chan int)
	window := make(chan struct{}, 2*workers) // a token a task begun and not yet emitted
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(next)
		for i := range tasks {
			select {
			case window <- struct{}{}:
			case <-ctx.Done():
				return
			}
			select {
			case next <- i:
			case <-ctx.Done():
				return
			}
		}
	})
	for w := range workers {
		wg.Go(func() {
			for i := range next {
				b, err := call(ctx, e.Funcs[tasks[i].Func], w, tasks[i])
				slots[i] <- outcome{b, err}
			}
		})
	}
	defer wg.Wait()
	defer cancel()
	for i := range tasks {
		select {
		case o := <-slots[i]:
			<-window
			if o.err != nil {
				if ctx.Err() != nil && context.Cause(ctx) != nil {
					return context.Cause(ctx)
				}
				return &TaskError{tasks[i], o.err}
			}
			if err := emit(i, o.b); err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// PanicError is a panic of a task: a defect of the program, not of its input.
type PanicError struct {
	Value any
	Stack []byte // for the log
}

func (e *PanicError) Error() string {
	return fmt.Sprintf("a defect of this program (panic): %v", e.Value)
}

// Hint says what to do.
func (e *PanicError) Hint() string {
	return "please report it with the run's log, which holds the place in the program"
}

// call keeps a panic inside its task.
func call(ctx context.Context, f Func, worker int, t Task) (b []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &PanicError{p, debug.Stack()}
		}
	}()
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	return f(ctx, worker, t)
}

// FanIn is how many neighbours are merged into one at each level of the tree.
const FanIn = 64

// Tree merges parts as they arrive in order, along the fixed tree: parts 0..63 into one, 64..127 into the next, and 64 of
// those into one of the level above. The shape depends on the number of parts only.
type Tree[P any] struct {
	Merge  func(into, from P) error
	levels []level[P]
}

type level[P any] struct {
	acc P
	n   int
}

// Add takes the next part; the tree owns it from now on.
func (t *Tree[P]) Add(p P) error { return t.add(0, p) }

func (t *Tree[P]) add(k int, p P) error {
	if k == len(t.levels) {
		t.levels = append(t.levels, level[P]{})
	}
	l := &t.levels[k]
	if l.n == 0 {
		l.acc = p
	} else if err := t.Merge(l.acc, p); err != nil {
		return err
	}
	if l.n++; l.n < FanIn {
		return nil
	}
	full := l.acc
	var none P
	l.acc, l.n = none, 0
	return t.add(k+1, full)
}

// Result closes the tree. ok is false where no part was added.
func (t *Tree[P]) Result() (root P, ok bool, err error) {
	for k := 0; k < len(t.levels); k++ {
		l := t.levels[k]
		if l.n == 0 {
			continue
		}
		if !ok {
			root, ok = l.acc, true
			continue
		}
		// What is left of the lower levels comes after the whole nodes of this one.
		if err := t.Merge(l.acc, root); err != nil {
			return root, true, err
		}
		root = l.acc
	}
	return root, ok, nil
}
