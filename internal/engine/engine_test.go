package engine

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"
)

func tasks(n int) []Task {
	out := make([]Task, n)
	for i := range out {
		out[i] = Task{Func: "f", Units: []Unit{{Shard: fmt.Sprint(i), Rows: int64(i)}}, Args: json.RawMessage(`{}`)}
	}
	return out
}

func TestLocalEmitsInOrder(t *testing.T) {
	t.Parallel()
	for _, workers := range []int{1, 2, 7} {
		e := &Local{Workers: workers, Funcs: Funcs{"f": func(_ context.Context, _ int, t Task) ([]byte, error) {
			time.Sleep(time.Duration(rand.IntN(200)) * time.Microsecond)
			return binary.LittleEndian.AppendUint64(nil, uint64(t.Units[0].Rows)), nil
		}}}
		want := 0
		err := e.Run(t.Context(), tasks(300), func(i int, b []byte) error {
			if i != want || binary.LittleEndian.Uint64(b) != uint64(i) {
				t.Fatalf("%d workers: outcome %d, want %d", workers, i, want)
			}
			want++
			return nil
		})
		if err != nil || want != 300 {
			t.Fatalf("%d workers: %d outcomes, %v", workers, want, err)
		}
	}
}

func TestLocalErrorsAndPanicsEndIt(t *testing.T) {
	t.Parallel()
	before := runtime.NumGoroutine()
	boom := errors.New("boom")
	for name, f := range map[string]Func{
		"error": func(_ context.Context, _ int, t Task) ([]byte, error) {
			if t.Units[0].Rows == 11 {
				return nil, boom
			}
			return nil, nil
		},
		"panic": func(_ context.Context, _ int, t Task) ([]byte, error) {
			if t.Units[0].Rows == 11 {
				panic(boom)
			}
			return nil, nil
		},
	} {
		e := &Local{Workers: 4, Funcs: Funcs{"f": f}}
		last := -1
		err := e.Run(t.Context(), tasks(100), func(i int, _ []byte) error { last = i; return nil })
		var p *PanicError
		if errors.As(err, &p) != (name == "panic") || (p != nil && !strings.Contains(string(p.Stack), "engine_test.go")) {
			t.Errorf("%s: %T", name, err)
		}
		if err == nil || !strings.Contains(err.Error(), "boom") || !strings.HasPrefix(err.Error(), "f of 11: ") || last != 10 {
			t.Errorf("%s: emitted to %d, %v", name, last, err)
		}
	}
	if err := (&Local{Workers: 1}).Run(t.Context(), tasks(1), nil); err == nil {
		t.Error("an unknown function ran")
	}
	for range 100 {
		if runtime.NumGoroutine() <= before+20 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("goroutines are left")
}

func TestLocalCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop now")
	e := &Local{Workers: 2, Funcs: Funcs{"f": func(ctx context.Context, _ int, t Task) ([]byte, error) {
		if t.Units[0].Rows == 5 {
			cancel(stop)
		}
		return nil, ctx.Err()
	}}}
	if err := e.Run(ctx, tasks(50), func(int, []byte) error { return nil }); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
}

type span struct{ shape string }

// The tree's shape is a function of the number of parts.
func TestTreeShape(t *testing.T) {
	t.Parallel()
	shape := func(n int) string {
		tr := Tree[*span]{Merge: func(a, b *span) error { a.shape = "(" + a.shape + b.shape + ")"; return nil }}
		for i := range n {
			if err := tr.Add(&span{string(rune('a' + i%26))}); err != nil {
				t.Fatal(err)
			}
		}
		r, ok, err := tr.Result()
		if err != nil || ok != (n > 0) {
			t.Fatal(ok, err)
		}
		if !ok {
			return ""
		}
		return r.shape
	}
	if got := shape(3); got != "((ab)c)" {
		t.Errorf("3 parts: %s", got)
	}
	if shape(0) != "" || shape(1) != "a" {
		t.Error("small trees")
	}
	// 130 parts: two nodes of 64 merged, then the last two.
	a, b := shape(64), shape(130)
	if !strings.HasPrefix(b, "(("+a) || !strings.HasSuffix(b, "(yz))") {
		t.Errorf("130 parts: %s", b)
	}
	letters := strings.Map(func(r rune) rune {
		if r == '(' || r == ')' {
			return -1
		}
		return r
	}, shape(64*64+65))
	for i, r := range letters {
		if r != rune('a'+i%26) {
			t.Fatalf("order broken at %d", i)
		}
	}
}

func TestKeyIsContent(t *testing.T) {
	t.Parallel()
	a := Task{Func: "f", Units: []Unit{{Shard: "a", Size: 1, ModTime: 2, Footer: "x", Rows: 3, Index: 4}}, Args: json.RawMessage(`1`)}
	same := a
	same.Units = []Unit{a.Units[0]}
	same.Units[0].Index = 9 // where the list has it is not content
	if a.Key() != same.Key() {
		t.Error("the index of a shard changed its key")
	}
	for _, change := range []func(*Task){
		func(t *Task) { t.Func = "g" }, func(t *Task) { t.Args = json.RawMessage(`2`) },
		func(t *Task) { t.Units[0].Size++ }, func(t *Task) { t.Units[0].ModTime++ },
		func(t *Task) { t.Units[0].Footer = "y" }, func(t *Task) { t.Units[0].FirstRow++ },
	} {
		b := a
		b.Units = []Unit{a.Units[0]}
		change(&b)
		if a.Key() == b.Key() {
			t.Errorf("equal keys: %+v", b)
		}
	}
}
