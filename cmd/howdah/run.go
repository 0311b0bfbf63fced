package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"howdah/jobs"
)

func runCommand() *cobra.Command {
	var opts jobs.RunOptions
	c := &cobra.Command{
		Use:   "run JOB.yaml",
		Short: "Run a job: read, fit, train, evaluate, publish",
		Long: `Run a job from its file. Without --slot the newest interrupted run of the same recipe on the
same files is taken up where it stopped; otherwise a new run begins. It says which.

Ctrl-C finishes the batch at hand, keeps a checkpoint and ends with 130; the same command then
goes on.`,
		Example: `  howdah run flights.yaml
  howdah run flights.yaml --set train.epochs=3 --home /tmp/try
  howdah run flights.yaml --slot 2013-03-31        the run of that night`,
		Args: exactly("JOB.yaml"),
		RunE: func(c *cobra.Command, args []string) error {
			job, err := loadJob(c, args[0])
			if err != nil {
				return err
			}
			opts.Version = buildVersion()
			asJSON := wantsJSON(c)
			ui := newUI(asJSON)
			opts.Reporter = ui
			for _, w := range job.Warnings() {
				ui.Note(w.Path + ": " + w.Msg)
			}
			res, err := job.Run(c.Context(), opts)
			ui.close()
			if err != nil {
				return err
			}
			if asJSON {
				return ui.line("result", res.Summary)
			}
			printSummary(os.Stdout, &res.Summary)
			fmt.Printf("\n%s\n", res.Run.Dir())
			return nil
		},
	}
	c.Flags().StringVar(&opts.Home, "home", "", "where runs are kept, instead of the job's home")
	c.Flags().IntVar(&opts.Workers, "workers", 0, "cores to use, instead of the job's or all")
	c.Flags().StringVar(&opts.Slot, "slot", "", "the nominal time of the run: a date, or a time with its offset")
	addSet(c)
	return c
}

// ui shows a run: bars on a terminal, plain lines elsewhere, JSON lines where asked for.
type ui struct {
	mu    sync.Mutex
	json  bool
	bars  *mpb.Progress
	bar   map[string]*mpb.Bar
	begun map[string]time.Time
	told  time.Time
	out   io.Writer
	shown map[string]bool
	last  string
}

func newUI(asJSON bool) *ui {
	u := &ui{json: asJSON, out: os.Stderr, bar: map[string]*mpb.Bar{}, begun: map[string]time.Time{}, shown: map[string]bool{}}
	if asJSON {
		u.out = os.Stdout
	} else if term.IsTerminal(int(os.Stderr.Fd())) {
		u.bars = mpb.New(mpb.WithOutput(os.Stderr), mpb.WithWidth(40), mpb.WithRefreshRate(120*time.Millisecond))
	}
	return u
}

func (u *ui) close() {
	if u.bars != nil {
		for _, b := range u.bar {
			if !b.Completed() {
				b.Abort(false)
			}
		}
		u.bars.Wait()
	}
}

func (u *ui) line(event string, v any) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	b, err := json.Marshal(map[string]any{"event": event, "data": v})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(u.out, string(b))
	return err
}

func (u *ui) print(format string, args ...any) {
	u.mu.Lock()
	defer u.mu.Unlock()
	text := fmt.Sprintf(format, args...) + "\n"
	if u.bars != nil {
		fmt.Fprint(u.bars, text)
		return
	}
	fmt.Fprint(u.out, text)
}

// Begin implements jobs.Reporter.
func (u *ui) Begin(r *jobs.Run, notes []string) {
	if u.json {
		_ = u.line("begin", map[string]any{"job": r.Job, "run": r.ID.String(), "dir": r.Dir(), "owner": r.Number, "notes": notes})
		return
	}
	for _, n := range notes {
		u.print("%s", n)
	}
	verb := "run"
	if r.Resumed {
		verb = "resuming run"
	}
	u.print("%s %s of %s", verb, r.ID, r.Job)
}

// Note implements jobs.Reporter.
func (u *ui) Note(text string) {
	if u.json {
		_ = u.line("note", text)
		return
	}
	u.print("note: %s", text)
}

// Epoch implements jobs.Reporter.
func (u *ui) Epoch(e jobs.EpochRecord, of int) {
	if u.json {
		_ = u.line("epoch", e)
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "epoch %d/%d  loss %.5f", e.Epoch, of, e.Loss)
	for _, m := range sortedKeys(e.Validation) {
		fmt.Fprintf(&b, "  val %s %.5f", m, e.Validation[m])
	}
	u.print("%s", b.String())
}

// Pass implements jobs.Reporter.
func (u *ui) Pass(p jobs.PassProgress) {
	if u.json {
		if p.Done || p.UnitsDone == 0 || time.Since(u.told) > time.Second {
			u.told = time.Now()
			_ = u.line("pass", p)
		}
		return
	}
	if u.bars != nil {
		u.draw(p)
		return
	}
	if p.Done && !u.shown[p.Name] {
		u.shown[p.Name] = true
		how := fmt.Sprintf("%s rows/s", human(float64(p.RowsDone)/math.Max(p.Seconds, 1e-9)))
		if p.Found {
			how = "found, done before"
		}
		u.print("%-20s %s rows  %s", p.Name, human(float64(p.RowsDone)), how)
	}
}

func (u *ui) draw(p jobs.PassProgress) {
	u.mu.Lock()
	defer u.mu.Unlock()
	b := u.bar[p.Name]
	if b == nil || (b.Completed() && !p.Done) {
		u.begun[p.Name] = time.Now()
		begun := u.begun[p.Name]
		b = u.bars.AddBar(max(p.Rows, 1),
			mpb.PrependDecorators(decor.Name(fmt.Sprintf("%-20s", p.Name))),
			mpb.AppendDecorators(
				decor.Percentage(decor.WC{W: 5}),
				decor.Any(func(s decor.Statistics) string {
					d := time.Since(begun)
					if s.Completed {
						return "  done"
					}
					rate := float64(s.Current) / math.Max(d.Seconds(), 1e-9)
					eta := "?"
					if rate > 0 {
						eta = (time.Duration(float64(s.Total-s.Current)/rate) * time.Second).Round(time.Second).String()
					}
					return fmt.Sprintf("  %s rows/s  ETA %s", human(rate), eta)
				})))
		u.bar[p.Name] = b
	}
	b.SetCurrent(p.RowsDone)
	if p.Done {
		b.SetTotal(-1, true)
	}
}

// human writes a count with three digits: 1.25M.
func human(x float64) string {
	switch {
	case x >= 1e9:
		return fmt.Sprintf("%.3gG", x/1e9)
	case x >= 1e6:
		return fmt.Sprintf("%.3gM", x/1e6)
	case x >= 1e4:
		return fmt.Sprintf("%.3gk", x/1e3)
	}
	return fmt.Sprintf("%.0f", x)
}

// printSummary shows how a run went: each side's metrics beside the trivial baseline's.
func printSummary(w io.Writer, s *jobs.Summary) {
	fmt.Fprintf(w, "\n%s %s: %s\n", s.Job, s.Run, s.State)
	if s.Error != "" {
		fmt.Fprintf(w, "%s error: %s\n", s.Class, s.Error)
	}
	fmt.Fprintf(w, "%d rows of %d files: %d train, %d validation, %d test", s.Used, s.Files, s.Train, s.Valid, s.Test)
	if s.Rows != s.Used {
		fmt.Fprintf(w, " (%d left out)", s.Rows-s.Used)
	}
	fmt.Fprintln(w)
	for _, sk := range s.Skipped {
		fmt.Fprintf(w, "left out bad shard %s: %s\n", sk.Shard, sk.Reason)
	}
	if s.Params > 0 {
		fmt.Fprintf(w, "%d features, %d parameters, %d epochs\n", s.Features, s.Params, s.Epochs)
	}
	if len(s.Metrics) == 0 {
		return
	}
	sides := []string{"train", "validation", "test"}
	fmt.Fprintf(w, "\n%-20s", "")
	for _, side := range sides {
		if s.Metrics[side] != nil {
			fmt.Fprintf(w, "%12s", side)
		}
	}
	fmt.Fprintf(w, "%22s%12s\n", "test interval", "baseline")
	for _, m := range s.Shown {
		fmt.Fprintf(w, "%-20s", m)
		var test jobs.Metric
		found := false
		for _, side := range sides {
			if s.Metrics[side] == nil {
				continue
			}
			v, ok := s.Metrics[side][m]
			if !ok {
				fmt.Fprintf(w, "%12s", "-")
				continue
			}
			test, found = v, true
			fmt.Fprintf(w, "%12.5f", v.Value)
		}
		if found {
			fmt.Fprintf(w, "%22s%12.5f", fmt.Sprintf("%.4f to %.4f", test.Low, test.High), test.Baseline)
		}
		fmt.Fprintln(w)
	}
}

var errNoRun = errors.New("no such run")
