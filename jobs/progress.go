package jobs

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"howdah/hdfsio"
	"howdah/internal/engine"
)

// Progress is what a run has done so far: owners/NNNN/progress.json, replaced every few seconds, and the same on a terminal.
type Progress struct {
	Seq     int64          `json:"seq"` // grows with every writing: the owner's heartbeat
	State   string         `json:"state"`
	Phase   string         `json:"phase"`
	Started time.Time      `json:"started"`
	Updated time.Time      `json:"updated"`
	Passes  []PassProgress `json:"passes"`
	Epochs  []EpochRecord  `json:"epochs,omitempty"`
}

// PassProgress is one pass.
type PassProgress struct {
	Name      string  `json:"name"`
	Units     int     `json:"units"`
	UnitsDone int     `json:"units_done"`
	Rows      int64   `json:"rows"`
	RowsDone  int64   `json:"rows_done"`
	Before    int64   `json:"rows_before,omitempty"` // of RowsDone, those that a former owner had done
	Seconds   float64 `json:"seconds"`
	Found     bool    `json:"found,omitempty"` // done by a former owner
	Done      bool    `json:"done"`
}

// EpochRecord is a point of the learning curves.
type EpochRecord struct {
	Epoch      int                `json:"epoch"` // counted from 1
	Loss       float64            `json:"loss"`
	Rate       float64            `json:"learning_rate"`
	Validation map[string]float64 `json:"validation,omitempty"`
}

// Reporter shows a run to whoever watches. Its methods are called from any goroutine, one at a time.
type Reporter interface {
	// Begin says which run begins, and what there is to say before it does.
	Begin(r *Run, notes []string)
	// Pass is called when a pass begins, whenever it has come further, and when it is done.
	Pass(p PassProgress)
	// Epoch is called after each epoch.
	Epoch(e EpochRecord, of int)
	// Note says something by the way.
	Note(text string)
}

// Silence is a Reporter that says nothing.
type Silence struct{}

// Begin implements Reporter.
func (Silence) Begin(*Run, []string) {}

// Pass implements Reporter.
func (Silence) Pass(PassProgress) {}

// Epoch implements Reporter.
func (Silence) Epoch(EpochRecord, int) {}

// Note implements Reporter.
func (Silence) Note(string) {}

// progressEvery is how often progress.json is replaced.
const progressEvery = 2 * time.Second

// tracker keeps a run's progress and tells it.
type tracker struct {
	mu  sync.Mutex
	p   Progress
	rep Reporter
}

func newTracker(rep Reporter) *tracker {
	if rep == nil {
		rep = Silence{}
	}
	now := time.Now().UTC()
	return &tracker{rep: rep, p: Progress{State: StateRunning, Started: now}}
}

// bar is one pass under way.
type bar struct {
	t     *tracker
	i     int
	begun time.Time
	told  time.Time
}

func (t *tracker) phase(name string) {
	t.mu.Lock()
	t.p.Phase = name
	t.mu.Unlock()
}

// pass begins a pass; one of the same name is begun anew.
func (t *tracker) pass(name string, units int, rows int64) *bar {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := &bar{t: t, i: -1, begun: time.Now()}
	for i := range t.p.Passes {
		if t.p.Passes[i].Name == name {
			b.i = i
		}
	}
	if b.i < 0 {
		t.p.Passes = append(t.p.Passes, PassProgress{})
		b.i = len(t.p.Passes) - 1
	}
	t.p.Passes[b.i] = PassProgress{Name: name, Units: units, Rows: rows}
	t.p.Phase = name
	t.rep.Pass(t.p.Passes[b.i])
	return b
}

func (b *bar) update(f func(p *PassProgress), always bool) {
	b.t.mu.Lock()
	defer b.t.mu.Unlock()
	p := &b.t.p.Passes[b.i]
	f(p)
	p.Seconds = time.Since(b.begun).Seconds()
	if always || time.Since(b.told) > 100*time.Millisecond {
		b.told = time.Now()
		b.t.rep.Pass(*p)
	}
}

func (b *bar) add(u engine.Unit) {
	b.update(func(p *PassProgress) { p.UnitsDone++; p.RowsDone += u.Rows }, false)
}

// before counts rows that a former owner did: they say nothing about the rate.
func (b *bar) before(n int64) {
	b.update(func(p *PassProgress) { p.RowsDone += n; p.Before += n }, false)
}

func (b *bar) rows(n int64) { b.update(func(p *PassProgress) { p.RowsDone += n }, false) }

func (b *bar) done() { b.update(func(p *PassProgress) { p.Done = true }, true) }

func (b *bar) found() {
	b.update(func(p *PassProgress) { p.Done, p.Found, p.UnitsDone, p.RowsDone = true, true, p.Units, p.Rows }, true)
}

func (t *tracker) epoch(e EpochRecord, of int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.p.Epochs = append(t.p.Epochs, e)
	t.rep.Epoch(e, of)
}

// restored takes over the curves of a former owner, which were shown when they were made.
func (t *tracker) restored(e []EpochRecord) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.p.Epochs = append(t.p.Epochs, e...)
}

func (t *tracker) note(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rep.Note(text)
}

// bytes renders progress.json.
func (t *tracker) bytes(state string) []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.p.Seq++
	t.p.State = state
	t.p.Updated = time.Now().UTC()
	b, err := json.MarshalIndent(t.p, "", "  ")
	if err != nil {
		panic("jobs: progress: " + err.Error()) // numbers that are not finite are stopped before
	}
	return append(b, '\n')
}

// keep replaces progress.json every few seconds until the returned function is called. A short run never writes one.
func (t *tracker) keep(ctx context.Context, r *Run) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				wctx, end := context.WithTimeout(ctx, 30*time.Second)
				if err := hdfsio.WriteFile(wctx, r.Home.FS, r.ownerPath("progress.json"), t.bytes(StateRunning)); err != nil && ctx.Err() == nil {
					r.Logger().Warn("progress not written", "err", err.Error())
				}
				end()
			}
		}
	}()
	return func() { cancel(); <-done }
}
