package jobs

import (
	"context"
	"errors"
	"sync"

	"howdah/hdfsio"
)

// behind writes files of a run while the run goes on: a commit waits for the disk, or for a cluster, longer than a small
// pass takes. Files of different names may be written in any order; those of one name in the order they were given.
// What must not be seen before the rest is written after settle.
type behind struct {
	fsys hdfsio.FS
	gate chan struct{} // bounds the writes under way, and so the bytes that wait

	mu   sync.Mutex
	last map[string]chan struct{} // of each name: closed when its latest write is over
	err  error                    // the first failure
}

// writesBehind is how many writes are under way at most.
const writesBehind = 16

func newBehind(fsys hdfsio.FS) *behind {
	return &behind{fsys: fsys, gate: make(chan struct{}, writesBehind), last: map[string]chan struct{}{}}
}

// write begins to write a file, whose bytes are not to be changed. It waits while many writes are under way, and returns
// the failure of an earlier one. A write that has begun is finished even if ctx is cancelled meanwhile.
func (w *behind) write(ctx context.Context, name string, b []byte) error {
	select {
	case w.gate <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		<-w.gate
		return w.err
	}
	before, done := w.last[name], make(chan struct{})
	w.last[name] = done
	go func() {
		defer func() { close(done); <-w.gate }()
		if before != nil {
			<-before
		}
		if err := hdfsio.WriteFile(context.WithoutCancel(ctx), w.fsys, name, b); err != nil {
			w.mu.Lock()
			w.err = errors.Join(w.err, err)
			w.mu.Unlock()
		}
	}()
	return nil
}

// settle waits until all is written and returns what failed.
func (w *behind) settle(ctx context.Context) error {
	w.mu.Lock()
	var waits []chan struct{}
	for _, done := range w.last {
		waits = append(waits, done)
	}
	w.mu.Unlock()
	for _, done := range waits {
		select {
		case <-done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}
