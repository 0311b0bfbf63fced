package jobs

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"howdah/hdfsio"
)

// Home is where jobs keep their runs.
type Home struct {
	FS  hdfsio.FS
	Dir string
	URI string // as the user wrote it
}

// OpenHome resolves the address of a home. Nothing is made until a run writes into it.
func OpenHome(ctx context.Context, files *hdfsio.Resolver, uri string) (*Home, error) {
	fsys, dir, err := files.Resolve(ctx, uri)
	if err != nil {
		return nil, fmt.Errorf("home: %w", err)
	}
	return &Home{fsys, dir, uri}, nil
}

// SlotLayout is how a slot is written: the nominal local time with its offset, without ':' because HDFS forbids it.
const SlotLayout = "20060102T150405-0700"

// ParseSlot reads a slot: in its own form, as RFC 3339, or as a date (midnight in zone).
func ParseSlot(s string, zone *time.Location) (time.Time, error) {
	for _, layout := range []string{SlotLayout, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	for _, layout := range []string{"2006-01-02", "2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("slot %q: want a date (2013-03-31), a time with offset (2013-03-31T02:30:00-04:00) or the form in run names (20130331T023000-0400)", s)
}

// RunID names a run: <slot>-a<attempt>.
type RunID struct {
	Slot    string
	Attempt int
}

func (id RunID) String() string { return id.Slot + "-a" + strconv.Itoa(id.Attempt) }

func parseRunID(s string) (RunID, bool) {
	i := strings.LastIndex(s, "-a")
	if i < 0 {
		return RunID{}, false
	}
	n, err := strconv.Atoi(s[i+2:])
	if err != nil || n < 1 {
		return RunID{}, false
	}
	if _, err := time.Parse(SlotLayout, s[:i]); err != nil {
		return RunID{}, false
	}
	return RunID{s[:i], n}, true
}

// States of a run.
const (
	StateRunning     = "running"
	StateSucceeded   = "succeeded"
	StateFailed      = "failed"
	StateInterrupted = "interrupted"
)

// Owner is who works on a run: owners/NNNN/owner.json. It is claimed, never rewritten.
type Owner struct {
	Nonce   string    `json:"nonce"`
	Host    string    `json:"host"`
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	Recipe  string    `json:"recipe"`
	Inputs  string    `json:"inputs"`
	Version string    `json:"version"`
}

// Released is what an owner leaves when it stops before the run is over: owners/NNNN/released.json.
type Released struct {
	State  string    `json:"state"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// ErrClaimed is wrapped where somebody else works on the run.
var ErrClaimed = errors.New("somebody else holds the claim")

// Run is a run's directory and this process's ownership of it.
type Run struct {
	Home   *Home
	Job    string
	ID     RunID
	Number int // of the owner; 0: opened for reading
	Owner  Owner

	logs    *logSegments
	behind  *behind // of an owner
	Resumed bool    // a former owner left work behind
}

// JobDir is the job's directory in the home.
func (h *Home) JobDir(job string) string { return path.Join(h.Dir, "jobs", job) }

// RunsDir is where a job's runs lie.
func (h *Home) RunsDir(job string) string { return path.Join(h.JobDir(job), "runs") }

// Dir is the run's directory.
func (r *Run) Dir() string { return path.Join(r.Home.RunsDir(r.Job), r.ID.String()) }

// Path is a file of the run.
func (r *Run) Path(name ...string) string { return path.Join(append([]string{r.Dir()}, name...)...) }

func (r *Run) ownerPath(name string) string {
	return r.Path("owners", fmt.Sprintf("%04d", r.Number), name)
}

// Write makes or replaces a file of the run.
func (r *Run) Write(ctx context.Context, name string, b []byte) error {
	return homeError(hdfsio.WriteFile(ctx, r.Home.FS, r.Path(name), b))
}

// WriteBehind makes or replaces a file of the run while the caller goes on. It returns the failure of an earlier such write;
// Settle waits for them. b must not be changed any more.
func (r *Run) WriteBehind(ctx context.Context, name string, b []byte) error {
	return homeError(r.behind.write(ctx, r.Path(name), b))
}

// WriteJSONBehind is WriteJSON while the caller goes on.
func (r *Run) WriteJSONBehind(ctx context.Context, name string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return r.WriteBehind(ctx, name, append(b, '\n'))
}

// Settle waits until everything is written that was begun, and returns what failed.
func (r *Run) Settle(ctx context.Context) error { return homeError(r.behind.settle(ctx)) }

// Remove removes a file of the run, if it is there.
func (r *Run) Remove(ctx context.Context, name string) error {
	return homeError(r.Home.FS.Remove(ctx, r.Path(name)))
}

// sweep clears away the files that former owners began and could not finish.
func (r *Run) sweep(ctx context.Context) error {
	dirs := []string{r.Dir(), r.Path("state"), r.Path("model"), r.Path("owners")}
	for n := 1; n <= r.Number; n++ {
		dirs = append(dirs, r.Path("owners", fmt.Sprintf("%04d", n)))
	}
	var errs []error
	for _, d := range dirs {
		errs = append(errs, hdfsio.Sweep(ctx, r.Home.FS, d))
	}
	return errors.Join(errs...)
}

// homeError marks an error of the home's file system as worth a retry, unless it is of a kind that will not go away.
func homeError(err error) error {
	if err == nil || ClassOf(err) != Other || errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrInvalid) {
		return err
	}
	return withClass(Transient, err)
}

// WriteJSON writes a value as indented JSON.
func (r *Run) WriteJSON(ctx context.Context, name string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return r.Write(ctx, name, append(b, '\n'))
}

// Read reads a file of the run.
func (r *Run) Read(ctx context.Context, name string) ([]byte, error) {
	b, err := hdfsio.ReadFile(ctx, r.Home.FS, r.Path(name))
	return b, homeError(err)
}

// ReadJSON reads a value.
func (r *Run) ReadJSON(ctx context.Context, name string, v any) error {
	b, err := r.Read(ctx, name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: %w", r.Path(name), err)
	}
	return nil
}

// Jobs lists the names of the jobs that the home knows.
func (h *Home) Jobs(ctx context.Context) ([]string, error) {
	infos, err := h.FS.List(ctx, path.Join(h.Dir, "jobs"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []string
	for _, i := range infos {
		if i.IsDir() {
			out = append(out, i.Name())
		}
	}
	return out, nil
}

// Runs lists a job's runs, oldest slot first.
func (h *Home) Runs(ctx context.Context, job string) ([]*Run, error) {
	infos, err := h.FS.List(ctx, h.RunsDir(job))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []*Run
	at := map[*Run]time.Time{}
	for _, i := range infos {
		if id, ok := parseRunID(i.Name()); ok && i.IsDir() {
			r := &Run{Home: h, Job: job, ID: id}
			at[r], _ = time.Parse(SlotLayout, id.Slot)
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(a, b *Run) int {
		if c := at[a].Compare(at[b]); c != 0 {
			return c
		}
		return a.ID.Attempt - b.ID.Attempt
	})
	return out, nil
}

// lastOwner returns the newest owner of a run: its number, who it is, and whether it has released the run.
func (r *Run) lastOwner(ctx context.Context) (number int, owner Owner, released *Released, err error) {
	infos, err := r.Home.FS.List(ctx, r.Path("owners"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, owner, nil, nil
	}
	if err != nil {
		return 0, owner, nil, err
	}
	var numbers []int
	for _, i := range infos {
		if n, err := strconv.Atoi(i.Name()); err == nil && n > 0 {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	for _, n := range slices.Backward(numbers) {
		at := &Run{Home: r.Home, Job: r.Job, ID: r.ID, Number: n}
		b, err := hdfsio.ReadFile(ctx, r.Home.FS, at.ownerPath("owner.json"))
		if errors.Is(err, fs.ErrNotExist) {
			continue // a directory whose maker died before it claimed: the number is free
		}
		if err != nil {
			return 0, owner, nil, err
		}
		number = max(number, n)
		if err := json.Unmarshal(b, &owner); err == nil {
			if n < number {
				owner.Nonce, owner.Host, owner.PID = "", "", 0
			}
			break
		}
		// A claim that is not whole: whoever made it died, or is at it. What is claimed again is the work of the owner before.
		owner = Owner{}
	}
	if number == 0 {
		return 0, owner, nil, nil
	}
	at := &Run{Home: r.Home, Job: r.Job, ID: r.ID, Number: number}
	b, err := hdfsio.ReadFile(ctx, r.Home.FS, at.ownerPath("released.json"))
	if err == nil {
		released = &Released{}
		if json.Unmarshal(b, released) != nil {
			released = &Released{State: StateInterrupted, Reason: "unreadable"}
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return 0, owner, nil, err
	}
	return number, owner, released, nil
}

// Finished reports whether the run is over: its summary is there.
func (r *Run) Finished(ctx context.Context) (bool, error) {
	return hdfsio.Exists(ctx, r.Home.FS, r.Path("summary.json"))
}

// Silent is how long an owner of another machine may show no sign of life before it counts as dead, on this machine's own
// clock.
var Silent = 90 * time.Second

// alive tells whether an owner that has not released the run still works on it. On this machine its process is looked
// for; of another machine the heartbeat is watched, for Silent at most.
func (r *Run) alive(ctx context.Context, number int, o Owner) (bool, error) {
	if onThisMachine(o) {
		return o.aliveHere(), nil
	}
	at := &Run{Home: r.Home, Job: r.Job, ID: r.ID, Number: number}
	first, err := heartbeat(ctx, at)
	if err != nil {
		return false, err
	}
	for begun := time.Now(); time.Since(begun) < Silent; {
		select {
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-time.After(min(Silent/10, 3*time.Second)):
		}
		now, err := heartbeat(ctx, at)
		if err != nil {
			return false, err
		}
		if !bytes.Equal(now, first) {
			return true, nil
		}
	}
	return false, nil
}

// aliveHere tells whether an owner of this machine still works.
func (o Owner) aliveHere() bool {
	if o.PID == os.Getpid() {
		_, live := underWay.Load(o.Nonce)
		return live
	}
	return processAlive(o.PID, o.Started)
}

func onThisMachine(o Owner) bool {
	host, err := os.Hostname()
	return err == nil && o.Host == host && o.PID > 0
}

func heartbeat(ctx context.Context, r *Run) ([]byte, error) {
	b, err := hdfsio.ReadFile(ctx, r.Home.FS, r.ownerPath("progress.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

// claim takes ownership number n of the run, or fails with ErrClaimed.
func (r *Run) claim(ctx context.Context, n int, o Owner) error {
	var nonce [12]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		return err
	}
	o.Nonce = hex.EncodeToString(nonce[:])
	o.Host, _ = os.Hostname()
	o.PID = os.Getpid()
	o.Started = time.Now().UTC().Truncate(time.Millisecond)
	r.Number, r.Owner = n, o
	b, err := json.MarshalIndent(o, "", "  ")
	if err != nil {
		return err
	}
	err = r.Home.FS.Claim(ctx, r.ownerPath("owner.json"), append(b, '\n'))
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("run %s of %s: %w", r.ID, r.Job, ErrClaimed)
	}
	if err != nil {
		return err
	}
	underWay.Store(o.Nonce, true)
	r.logs, r.behind = newLogSegments(r), newBehind(r.Home.FS)
	return nil
}

// underWay has the nonces of the runs that this process works on: a process knows of itself what it does not know of others.
var underWay sync.Map

// release leaves the run for a later owner.
func (r *Run) release(ctx context.Context, state, reason string) error {
	b, err := json.MarshalIndent(Released{state, reason, time.Now().UTC().Truncate(time.Millisecond)}, "", "  ")
	if err != nil {
		return err
	}
	defer underWay.Delete(r.Owner.Nonce)
	// Whoever takes the run up finds everything that this owner did.
	return errors.Join(r.logs.flush(ctx), r.Settle(ctx), homeError(hdfsio.WriteFile(ctx, r.Home.FS, r.ownerPath("released.json"), append(b, '\n'))))
}

// logSegments keeps the run's log: closed files of JSON lines, because HDFS shows nothing of an open one.
type logSegments struct {
	run  *Run
	mu   sync.Mutex
	buf  bytes.Buffer
	n    int
	last time.Time // of the latest flush
}

// logEvery is how much of the log a crash may cost.
const logEvery = 2 * time.Second

func newLogSegments(r *Run) *logSegments { return &logSegments{run: r, last: time.Now()} }

func (l *logSegments) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

// flushNowAndThen flushes unless that was done a moment ago.
func (l *logSegments) flushNowAndThen(ctx context.Context) error {
	l.mu.Lock()
	recent := time.Since(l.last) < logEvery
	l.mu.Unlock()
	if recent {
		return nil
	}
	return l.flush(ctx)
}

// flush writes what was logged since the last time as the next segment.
func (l *logSegments) flush(ctx context.Context) error {
	l.mu.Lock()
	b := bytes.Clone(l.buf.Bytes())
	l.buf.Reset()
	l.last = time.Now()
	if len(b) > 0 {
		l.n++
	}
	n := l.n
	l.mu.Unlock()
	if len(b) == 0 {
		return nil
	}
	err := hdfsio.WriteFile(ctx, l.run.Home.FS, l.run.ownerPath(fmt.Sprintf("log-%04d.jsonl", n)), b)
	if err != nil {
		// The same segment is tried again with what comes after.
		l.mu.Lock()
		rest := bytes.Clone(l.buf.Bytes())
		l.buf.Reset()
		l.buf.Write(b)
		l.buf.Write(rest)
		l.n--
		l.mu.Unlock()
	}
	return homeError(err)
}

// Logger writes to the run's log.
func (r *Run) Logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(r.logs, nil)).With("job", r.Job, "run", r.ID.String())
}
