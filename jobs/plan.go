package jobs

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"text/tabwriter"
	"time"

	"howdah/hdfsio"
	"howdah/preprocess"
)

// PlanOptions say what a plan is made for.
type PlanOptions struct {
	Slot    string
	Workers int
	Files   *hdfsio.Resolver
}

// Plan is what a run would do, as far as the footers of its files tell.
type Plan struct {
	Job      string                  `json:"job"`
	Slot     string                  `json:"slot"`
	Paths    []string                `json:"paths"`
	Files    int                     `json:"files"`
	Skipped  []Skipped               `json:"skipped,omitempty"`
	Rows     int64                   `json:"rows"` // in the files; data.where may leave some out, and row groups unread
	Bytes    int64                   `json:"bytes"`
	Units    int                     `json:"units"`
	Workers  int                     `json:"workers"`
	Passes   []PlannedPass           `json:"passes"`
	Columns  []preprocess.ColumnPlan `json:"columns"`
	Label    string                  `json:"label"`
	Where    string                  `json:"where,omitempty"`
	Split    string                  `json:"split"`
	Memory   int64                   `json:"memory"`  // estimated peak, bytes
	Scratch  int64                   `json:"scratch"` // estimated, bytes, on the local disk
	Recipe   string                  `json:"recipe"`
	Warnings []Warning               `json:"warnings,omitempty"`
}

// PlannedPass is one reading of the data.
type PlannedPass struct {
	Name    string `json:"name"`
	Reads   string `json:"reads"` // Parquet or scratch
	Columns int    `json:"columns"`
	Bytes   int64  `json:"bytes"` // estimated: the columns' share of the files
	Times   int    `json:"times"`
}

// Plan reads the footers of the job's files and says what a run would do. Nothing is written.
func (j *Job) Plan(ctx context.Context, opts PlanOptions) (*Plan, error) {
	files := opts.Files
	if files == nil {
		files = hdfsio.NewResolver(hdfsio.Options{})
		defer files.Close()
	}
	r := &runner{job: j, opts: RunOptions{Workers: opts.Workers, Files: files}, progress: newTracker(nil)}
	r.workers = opts.Workers
	if r.workers == 0 {
		r.workers = j.Spec.Runtime.Workers
	}
	if r.workers == 0 {
		r.workers = runtime.GOMAXPROCS(0)
	}
	slot := time.Now().In(j.Spec.Zone()).Truncate(time.Second)
	var err error
	if opts.Slot != "" {
		if slot, err = ParseSlot(opts.Slot, j.Spec.Zone()); err != nil {
			return nil, withClass(UserError, err)
		}
	}
	if r.inputs, err = Freeze(ctx, files, &j.Spec, slot, r.workers); err != nil {
		return nil, dataError(err)
	}
	if err := r.prepare(); err != nil {
		return nil, err
	}
	in, s := r.inputs, &j.Spec
	p := &Plan{Job: s.Name, Slot: in.Slot, Paths: in.Paths, Files: len(in.Shards), Skipped: in.Skipped, Rows: in.Rows, Bytes: in.Bytes, Units: len(r.units), Workers: r.workers,
		Columns: r.plan.Describe(), Label: r.src.label, Where: s.Data.Where, Recipe: s.RecipeHash(), Warnings: j.Warnings(), Split: s.Split.Method}
	all := max(len(r.src.file), 1)
	parquet := func(name string, columns int) {
		p.Passes = append(p.Passes, PlannedPass{name, "Parquet", columns, in.Bytes * int64(columns) / int64(all), 1})
	}
	few := len(r.splitter.Reads()) + 1
	every := min(len(r.plan.Columns())+few, all)
	if r.splitter.NeedsFit() {
		parquet("split", few)
	}
	for w := range r.plan.Waves() {
		parquet(fmt.Sprintf("fit-%d", w+1), every)
	}
	parquet("encode", every)
	row := int64(8 + 4 + 4*len(r.plan.Features()))
	p.Scratch = row * in.Rows
	cfg, err := s.TrainConfig().Resolve(2)
	epochs := 10
	if err == nil {
		epochs = cfg.Train.Epochs
	}
	p.Passes = append(p.Passes, PlannedPass{"train", "scratch", 0, p.Scratch * 8 / 10, epochs}, PlannedPass{"evaluate", "scratch", 0, p.Scratch, 1})
	budget, err := ParseBytes(s.Runtime.Memory)
	if err != nil {
		return nil, err
	}
	// The command lets its memory grow to this before it collects garbage; a small table never gets there.
	p.Memory = (budget+budget/8)*4/3 + 32<<20
	return p, nil
}

// Print shows the plan to a person.
func (p *Plan) Print(out io.Writer) error {
	fmt.Fprintf(out, "%s, slot %s\n", p.Job, p.Slot)
	fmt.Fprintf(out, "%d files, %d rows, %s, in %d units; label %s; split by %s\n", p.Files, p.Rows, size(p.Bytes), p.Units, p.Label, p.Split)
	for _, s := range p.Skipped {
		fmt.Fprintf(out, "bad shard left out: %s\n", s.Reason)
	}
	where := ""
	if p.Where != "" {
		where = "; less where data.where leaves rows out"
	}
	fmt.Fprintf(out, "at most about %s of memory with %d workers, %s of scratch space%s\n\n", size(p.Memory), p.Workers, size(p.Scratch), where)
	w := tabwriter.NewWriter(out, 2, 8, 2, ' ', 0)
	fmt.Fprintln(w, "PASS\tREADS\tCOLUMNS\tBYTES")
	for _, x := range p.Passes {
		cols := fmt.Sprint(x.Columns)
		if x.Columns == 0 {
			cols = "encoded"
		}
		n := ""
		if x.Times > 1 {
			n = fmt.Sprintf(" x %d", x.Times)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s%s\n", x.Name, x.Reads, cols, size(x.Bytes), n)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out)
	w = tabwriter.NewWriter(out, 2, 8, 2, ' ', 0) // widths of its own
	fmt.Fprintln(w, "COLUMN\tTYPE\tWHAT IS DONE")
	for _, c := range p.Columns {
		what := c.Unused
		if what != "" {
			what = "not used: " + what
		}
		if len(c.Steps) > 0 {
			what = ""
			for i, s := range c.Steps {
				if i > 0 {
					what += ", "
				}
				what += s
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", c.Column, c.Type, what)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, x := range p.Warnings {
		fmt.Fprintf(out, "note: %s: %s\n", x.Path, x.Msg)
	}
	return nil
}

// size writes bytes for people.
func size(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.0f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d B", n)
}
