package jobs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"runtime"
	"slices"
	"time"

	"howdah/hdfsio"
	"howdah/hdfsio/rowfile"
	"howdah/hdfsio/shard"
	"howdah/internal/engine"
	"howdah/internal/kernel"
	"howdah/internal/table"
	"howdah/preprocess"
	"howdah/train"
)

// RunOptions are what a run is told besides its job file.
type RunOptions struct {
	Home     string // overrides the job's
	Workers  int    // overrides the job's
	Slot     string // "": now, or the interrupted run of the same recipe and inputs
	Reporter Reporter
	Version  string           // of the binary, for the record
	Files    *hdfsio.Resolver // nil: one of its own
}

// Result is what a run came to.
type Result struct {
	Run     *Run
	Summary Summary
}

// runner carries a run through its phases. What a phase yields is a field here; nothing else is shared.
type runner struct {
	job      *Job
	opts     RunOptions
	run      *Run
	log      *slog.Logger
	progress *tracker
	workers  int
	scratch  []*scratch // one a worker
	pool     *pool

	inputs   *Inputs
	units    []engine.Unit
	src      *source
	plan     *preprocess.Plan
	splitter *preprocess.Splitter

	split    *preprocess.FittedSplit
	target   *preprocess.FittedTarget
	baseline preprocess.Baseline
	first    *firstPart // what the first pass saw, for the report
	state    *preprocess.State
	enc      *encoded
	model    *train.Network
	epochs   []EpochRecord
}

// Run takes a job through all phases of a run: claim, freeze, fit, encode, train, evaluate, export, publish. When ctx is
// cancelled with ErrInterrupted it finishes the batch at hand, keeps a checkpoint and returns that error; the next Run
// goes on.
func (j *Job) Run(ctx context.Context, opts RunOptions) (*Result, error) {
	if opts.Files == nil {
		opts.Files = hdfsio.NewResolver(hdfsio.Options{})
		defer opts.Files.Close()
	}
	r, err := j.begin(ctx, opts)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause // what failed, failed because the run was told to stop
		}
		return nil, err
	}
	stop := r.progress.keep(ctx, r.run)
	var res *Result
	for {
		res, err = r.phases(ctx)
		if !errors.Is(err, errShardSkipped) {
			break
		}
		// A shard turned out to be bad half way: everything is done again without it.
		if len(r.inputs.Shards) == 0 {
			err = dataError(fmt.Errorf("data: every shard is bad; the last: %s", r.inputs.Skipped[len(r.inputs.Skipped)-1].Reason))
			break
		}
		r.progress.note("left out a bad shard: " + r.inputs.Skipped[len(r.inputs.Skipped)-1].Reason)
		if err = r.prepare(); err != nil {
			break
		}
	}
	stop()
	return res, r.finish(ctx, err)
}

// begin freezes the inputs, checks the job against them and claims a run.
func (j *Job) begin(ctx context.Context, opts RunOptions) (*runner, error) {
	if opts.Files == nil {
		opts.Files = hdfsio.NewResolver(hdfsio.Options{})
	}
	r := &runner{job: j, opts: opts, progress: newTracker(opts.Reporter)}
	if err := r.machine(); err != nil {
		return nil, err
	}
	begun := false
	defer func() {
		if !begun {
			r.pool.close()
		}
	}()
	home, err := OpenHome(ctx, opts.Files, firstOf(opts.Home, j.Spec.Home))
	if err != nil {
		return nil, err
	}
	slot, fixed := time.Now().In(j.Spec.Zone()).Truncate(time.Second), false
	if opts.Slot != "" {
		if slot, err = ParseSlot(opts.Slot, j.Spec.Zone()); err != nil {
			return nil, withClass(UserError, err)
		}
		fixed = true
	}
	if r.inputs, err = Freeze(ctx, opts.Files, &j.Spec, slot, r.workers); err != nil {
		return nil, dataError(err)
	}
	// Everything that can be wrong with the job and its data is found before anything is claimed or written.
	if err := r.prepare(); err != nil {
		return nil, err
	}
	notes, err := r.claim(ctx, home, slot, fixed)
	if err != nil {
		if r.run != nil { // it is ours, and the record could not be written: somebody else may take it up
			wctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
			defer cancel()
			err = errors.Join(err, r.leave(wctx, StateInterrupted, err.Error()))
		}
		return nil, err
	}
	r.log = r.run.Logger()
	r.progress.mu.Lock()
	r.progress.rep.Begin(r.run, notes)
	r.progress.mu.Unlock()
	begun = true
	return r, nil
}

func firstOf(s ...string) string {
	for _, x := range s {
		if x != "" {
			return x
		}
	}
	return ""
}

// dataError marks an error of the data as such, unless it is of a more telling class.
func dataError(err error) error {
	var panicked *engine.PanicError
	if err == nil || ClassOf(err) != Other || errors.Is(err, fs.ErrPermission) || errors.As(err, &panicked) {
		return err
	}
	return withClass(DataError, err)
}

// machine settles what this machine gives: cores, memory, kernels.
func (r *runner) machine() error {
	rt := &r.job.Spec.Runtime
	r.workers = r.opts.Workers
	if r.workers < 0 {
		return withClass(UserError, fmt.Errorf("workers: want at least 1, have %d", r.workers))
	}
	if r.workers == 0 {
		r.workers = rt.Workers
	}
	if r.workers == 0 {
		r.workers = runtime.GOMAXPROCS(0)
	}
	if rt.Kernel != "" {
		if err := kernel.Use(rt.Kernel); err != nil {
			return withClass(UserError, fmt.Errorf("runtime.kernel: %w", err))
		}
	}
	for range r.workers {
		r.scratch = append(r.scratch, &scratch{})
	}
	r.pool = newPool(r.workers)
	return nil
}

// prepare checks the job against the frozen inputs and compiles what passes need.
func (r *runner) prepare() error {
	j, s := r.job, &r.job.Spec
	memory, err := ParseBytes(s.Runtime.Memory)
	if err != nil {
		return withClass(UserError, err)
	}
	if r.src, err = newSource(j, r.inputs, shard.NewBudget(memory, r.workers)); err != nil {
		return dataError(err)
	}
	r.units = r.inputs.units()
	if r.splitter, err = preprocess.NewSplitter(s.Split, r.src.schema); err != nil {
		j.doc.ReportErr("split", err)
	}
	if r.plan, err = preprocess.Compile(r.src.schema, s.Features, r.src.roles, preprocess.Options{Seed: s.Split.Seed, Selection: s.Selection}); err != nil {
		j.doc.ReportErr("features", err)
	}
	if err := j.Err(); err != nil {
		return err
	}
	return nil
}

// How long a claim may take to make.
const (
	claimPolls = 20
	claimPoll  = 200 * time.Millisecond
)

// lookBack is among how many of the newest runs an interrupted one is looked for: each costs a question to the home.
const lookBack = 20

// claim finds the run to go on with, or makes a new one, and takes ownership of it.
func (r *runner) claim(ctx context.Context, home *Home, slot time.Time, fixed bool) (notes []string, err error) {
	me := Owner{Recipe: r.job.Spec.RecipeHash(), Inputs: r.inputs.Fingerprint(), Version: r.opts.Version}
	runs, err := home.Runs(ctx, r.job.Spec.Name)
	if err != nil {
		return nil, fmt.Errorf("home: %w", err)
	}
	name := slot.Format(SlotLayout)
	attempt := 1
	for i := len(runs) - 1; i >= 0; i-- {
		run := runs[i]
		if run.ID.Slot == name {
			attempt = max(attempt, run.ID.Attempt+1)
		} else if fixed || len(runs)-i > lookBack {
			continue
		}
		over, err := run.Finished(ctx)
		if err != nil {
			return nil, err
		}
		if over {
			continue
		}
		n, owner, released, err := run.lastOwner(ctx)
		if err != nil {
			return nil, err
		}
		// On HDFS a claim in the making reads as empty: a moment later it says whose it is, or its maker is dead.
		for wait := 0; n > 0 && owner.Recipe == "" && run.ID.Slot == name && wait < claimPolls; wait++ {
			select {
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			case <-time.After(claimPoll):
			}
			if n, owner, released, err = run.lastOwner(ctx); err != nil {
				return nil, err
			}
		}
		if n == 0 && run.ID.Slot == name && attempt == run.ID.Attempt+1 {
			attempt = run.ID.Attempt // whoever made the directory died before it claimed: the number is free
		}
		if n == 0 {
			continue
		}
		if owner.Recipe != me.Recipe {
			if released != nil && i == len(runs)-1 {
				notes = append(notes, fmt.Sprintf("the interrupted run %s was of another recipe; it is left alone", run.ID))
			}
			continue
		}
		if released == nil {
			alive, err := run.alive(ctx, n, owner)
			if err != nil {
				return nil, err
			}
			if alive {
				if fixed {
					return nil, fmt.Errorf("run %s of %s: process %d on %s works on it: %w", run.ID, run.Job, owner.PID, owner.Host, ErrClaimed)
				}
				continue
			}
		}
		if owner.Inputs != me.Inputs {
			notes = append(notes, fmt.Sprintf("the interrupted run %s read other files than there are now; it is left alone", run.ID))
			continue
		}
		run.Resumed = true
		if err := run.claim(ctx, n+1, me); err != nil {
			return nil, err
		}
		if err := run.sweep(ctx); err != nil { // before anything of ours is begun
			notes = append(notes, "files that a former owner began and left take room: "+err.Error())
		}
		r.run = run
		return append(notes, fmt.Sprintf("going on with the interrupted run %s", run.ID)), r.record(ctx)
	}
	for ; ; attempt++ {
		run := &Run{Home: home, Job: r.job.Spec.Name, ID: RunID{name, attempt}}
		err := run.claim(ctx, 1, me)
		if errors.Is(err, ErrClaimed) && !fixed && attempt < 1000 {
			continue // another process took this number just now
		}
		if err != nil {
			return nil, fmt.Errorf("home %s: %w", home.URI, err)
		}
		r.run = run
		if attempt > 1 || fixed {
			if err := run.sweep(ctx); err != nil { // a claimer who died may have left its file
				notes = append(notes, "files that others began and left take room: "+err.Error())
			}
		}
		return notes, r.record(ctx)
	}
}

// record writes down what the run is about, before it begins.
func (r *runner) record(ctx context.Context) error {
	r.inputs.Slot = r.run.ID.Slot
	return errors.Join(
		r.run.WriteBehind(ctx, "job.yaml", r.job.Source),
		r.run.WriteJSONBehind(ctx, "inputs.json", r.inputs),
		r.run.WriteJSONBehind(ctx, "plan.json", r.planRecord()),
	)
}

// PlanRecord is plan.json: what was going to be done.
type PlanRecord struct {
	Recipe  string                  `json:"recipe"`
	Inputs  string                  `json:"inputs"`
	Kernel  string                  `json:"kernel"`
	Version string                  `json:"version"`
	Units   int                     `json:"units"`
	Rows    int64                   `json:"rows"`
	Columns []preprocess.ColumnPlan `json:"columns"`
	Set     []string                `json:"set,omitempty"` // what the command line overrides in job.yaml, path=value each
}

func (r *runner) planRecord() PlanRecord {
	return PlanRecord{r.job.Spec.RecipeHash(), r.inputs.Fingerprint(), kernel.Class(), r.opts.Version, len(r.units), r.inputs.Rows, r.plan.Describe(), r.job.Sets}
}

// phases are a run, in order.
func (r *runner) phases(ctx context.Context) (*Result, error) {
	if r.inputs.Skipped != nil {
		if err := r.run.WriteJSONBehind(ctx, "inputs.json", r.inputs); err != nil {
			return nil, err
		}
	}
	for _, p := range r.fitting() {
		r.progress.phase(p.name)
		if err := p.do(ctx); err != nil {
			return nil, err
		}
	}
	r.progress.phase("evaluate")
	evals, err := r.evaluate(ctx)
	if err != nil {
		return nil, err
	}
	r.progress.phase("publish")
	summary, err := r.publish(ctx, evals)
	if err != nil {
		return nil, err
	}
	r.enc.remove()
	return &Result{r.run, *summary}, nil
}

// phase is a part of a run with a name.
type phase struct {
	name string
	do   func(context.Context) error
}

// fitting are the phases that lead to a model.
func (r *runner) fitting() []phase {
	return []phase{{"split", r.fitSplit}, {"fit", r.fit}, {"encode", r.encode}, {"train", r.train}}
}

// finish leaves the run's directory as its end demands: a summary, or the place to go on from.
func (r *runner) finish(ctx context.Context, err error) error {
	r.pool.close()
	defer r.enc.close()
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	// The directory is written even though the run was told to stop, but not for ever.
	wctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	state := StateSucceeded
	switch class := ClassOf(err); class {
	case Done:
	case Interrupted:
		state = StateInterrupted
		r.log.Info("interrupted")
		return errors.Join(err, r.leave(wctx, state, "stopped by its user"))
	case Transient:
		if errors.Is(err, rowfile.ErrDamaged) {
			r.enc.remove()
		}
		// What was done is whole; the same run can go on when the file system answers again.
		state = StateInterrupted
		r.log.Error("stopped", "class", class.String(), "err", err.Error())
		return errors.Join(err, r.leave(wctx, state, err.Error()))
	default:
		state = StateFailed
		r.log.Error("failed", "class", class.String(), "err", err.Error())
		if p := (*engine.PanicError)(nil); errors.As(err, &p) {
			r.log.Error("panic", "stack", string(p.Stack))
		}
		r.enc.remove()
		s := r.summary(state)
		s.Error, s.Class = err.Error(), class.String()
		return errors.Join(err, r.leave(wctx, state, err.Error()), r.run.WriteJSON(wctx, "summary.json", s))
	}
	if err := r.leave(wctx, state, ""); err != nil {
		// The model is published and summary.json says so: the run is over, whatever became of its last notes.
		r.progress.note("the run's last notes were not written: " + err.Error())
	}
	return nil
}

func (r *runner) leave(ctx context.Context, state, reason string) error {
	return errors.Join(
		hdfsio.WriteFile(ctx, r.run.Home.FS, r.run.ownerPath("progress.json"), r.progress.bytes(state)),
		r.run.release(ctx, state, reason))
}

// columnsOfLabel are the columns that make the label.
func (r *runner) labelColumns() []string { return []string{r.src.label} }

// scanFor prepares a pass over what preprocessing reads, the split and the label.
func (r *runner) scanFor(features bool) (*scan, error) {
	want := slices.Clone(r.labelColumns())
	want = append(want, r.splitter.Reads()...)
	if features {
		want = append(want, r.plan.Columns()...)
		if w := r.src.roles.Weight; w != "" {
			want = append(want, w)
		}
	}
	return r.src.scan(want, true, r.splitter.IDColumn(r.src.id) != r.src.id)
}

// splitIDs are the identities that the split goes by.
func (r *runner) splitIDs(b rows) []uint64 {
	if r.splitter.IDColumn(r.src.id) != r.src.id {
		return b.Place
	}
	return b.IDs
}

// labelOf returns the label's column of a batch.
func (r *runner) labelOf(b *table.Batch) (table.Column, error) {
	c := b.Lookup(r.src.label)
	if c == nil {
		return nil, fmt.Errorf("%s: column %q: %w", b.Path, r.src.label, table.ErrNoColumn)
	}
	return c, nil
}
