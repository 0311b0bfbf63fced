// Progress on standard error: a bar on a terminal, plain lines elsewhere, JSON lines on standard output where asked for.

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"howdah/jobs"
)

// ui shows a run. A pass under way is a bar; a pass that is done is a line above it, the same line as without a terminal.
type ui struct {
	json    bool
	metrics []string // of the validation rows, shown after each epoch
	out     io.Writer
	bars    *mpb.Progress // nil: no terminal

	// What the bar shows. Its decorators run while the lock is held by whoever prints, so they take none.
	now atomic.Pointer[jobs.PassProgress]

	mu   sync.Mutex
	bar  *mpb.Bar
	name string          // of the bar's pass
	told time.Time       // when a JSON line told of a pass
	said map[string]bool // passes that have their line
}

// epochMetrics are shown after an epoch where the job names none: one or two of a kind of label.
var epochMetrics = []string{"log_loss", "auc", "accuracy", "rmse", "r2"}

func newUI(asJSON bool, metrics []string) *ui {
	u := &ui{json: asJSON, out: os.Stderr, metrics: metrics, said: map[string]bool{}}
	if len(metrics) == 0 {
		u.metrics = epochMetrics
	}
	if asJSON {
		u.out = os.Stdout
	} else if term.IsTerminal(int(os.Stderr.Fd())) && os.Getenv("TERM") != "dumb" {
		u.bars = mpb.New(mpb.WithOutput(os.Stderr), mpb.WithWidth(30), mpb.WithRefreshRate(120*time.Millisecond))
	}
	return u
}

// close ends the bars; what was printed stays.
func (u *ui) close() {
	u.mu.Lock()
	if u.bar != nil {
		u.bar.Abort(true)
		u.bar = nil
	}
	bars := u.bars
	u.mu.Unlock()
	if bars != nil {
		bars.Wait()
		u.mu.Lock()
		u.bars = nil
		u.mu.Unlock()
	}
}

// line prints an event as one line of JSON.
func (u *ui) line(event string, v any) error {
	b, err := json.Marshal(map[string]any{"event": event, "data": v})
	if err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	_, err = fmt.Fprintln(u.out, string(b))
	return err
}

// say prints a line of text, above the bar.
func (u *ui) say(format string, args ...any) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.print(format, args...)
}

func (u *ui) print(format string, args ...any) {
	text := fmt.Sprintf(format, args...) + "\n"
	switch {
	case u.json:
		fmt.Fprint(os.Stderr, text)
	case u.bars != nil:
		fmt.Fprint(u.bars, text)
	default:
		fmt.Fprint(u.out, text)
	}
}

// Begin implements jobs.Reporter.
func (u *ui) Begin(r *jobs.Run, notes []string) {
	if u.json {
		_ = u.line("begin", map[string]any{"job": r.Job, "run": r.ID.String(), "dir": r.Dir(), "owner": r.Number, "notes": notes})
		return
	}
	if !r.Resumed {
		u.say("run %s of %s", r.ID, r.Job)
	}
	for _, n := range notes {
		u.say("%s", n)
	}
}

// Note implements jobs.Reporter.
func (u *ui) Note(text string) {
	if u.json {
		_ = u.line("note", text)
		return
	}
	u.say("note: %s", text)
}

// Epoch implements jobs.Reporter.
func (u *ui) Epoch(e jobs.EpochRecord, of int) {
	if u.json {
		_ = u.line("epoch", e)
		return
	}
	u.say("%s", epochLine(e, of, u.metrics))
}

func epochLine(e jobs.EpochRecord, of int, metrics []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "epoch %*d/%d  loss %.4f", len(fmt.Sprint(of)), e.Epoch, of, e.Loss)
	sep := "  validation "
	for _, m := range metrics {
		if v, ok := e.Validation[m]; ok {
			fmt.Fprintf(&b, "%s%s %.4f", sep, m, v)
			sep = ", "
		}
	}
	return b.String()
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
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.bars != nil && !p.Done {
		u.draw(p)
	}
	if p.Done {
		if u.bar != nil && u.name == p.Name {
			u.bar.Abort(true)
			u.bar = nil
		}
		// A pass that ended early, by an error, has no line.
		if key := fmt.Sprint(p.Name, p.Rows); !u.said[key] && p.RowsDone > 0 {
			u.said[key] = true
			u.print("%s", passLine(p))
		}
	}
}

func passLine(p jobs.PassProgress) string {
	how := fmt.Sprintf("%7s rows/s", human(float64(p.RowsDone-p.Before)/math.Max(p.Seconds, 1e-9)))
	if p.Found {
		how = "done before, found"
	}
	return fmt.Sprintf("%-19s %7s rows  %s", p.Name, human(float64(p.RowsDone)), how)
}

// draw moves the bar of the pass under way.
func (u *ui) draw(p jobs.PassProgress) {
	u.now.Store(&p)
	if u.bar == nil || u.name != p.Name {
		if u.bar != nil {
			u.bar.Abort(true)
		}
		u.name = p.Name
		u.bar = u.bars.AddBar(max(p.Rows, 1), mpb.BarRemoveOnComplete(),
			mpb.PrependDecorators(decor.Name(fmt.Sprintf("%-19s ", p.Name))),
			mpb.AppendDecorators(
				decor.Percentage(decor.WC{W: 5}),
				decor.Any(func(decor.Statistics) string { return rateAndETA(*u.now.Load()) })))
	}
	u.bar.SetCurrent(min(p.RowsDone, p.Rows-1)) // it is over when the pass says so
}

// rateAndETA says how fast a pass is and how long it will take at this rate.
func rateAndETA(p jobs.PassProgress) string {
	done := p.RowsDone - p.Before
	if done <= 0 || p.Seconds <= 0 {
		return ""
	}
	rate := float64(done) / p.Seconds
	left := time.Duration(float64(p.Rows-p.RowsDone) / rate * float64(time.Second))
	return fmt.Sprintf("  %s rows/s  ETA %v", human(rate), left.Round(time.Second))
}

// human writes a count with three digits: 1.25M.
func human(x float64) string {
	for _, s := range []struct {
		scale float64
		unit  string
	}{{1e9, "G"}, {1e6, "M"}, {1e4, "k"}} {
		if x >= s.scale {
			if s.unit == "k" {
				s.scale = 1e3
			}
			x /= s.scale
			return fmt.Sprintf("%.*f%s", max(0, 2-int(math.Log10(x))), x, s.unit)
		}
	}
	return fmt.Sprintf("%.0f", x)
}
