// Commands that look at what runs have left: runs, show.

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"howdah/jobs"
)

func runsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:               "runs [JOB]",
		Short:             "List runs, newest last",
		Long:              "List the runs of a job, named by its name or its file, or of all jobs; the newest last.",
		Example:           "  howdah runs\n  howdah runs late-flights --home hdfs:///howdah\n  howdah runs flights.yaml",
		Args:              arguments(0, 1),
		ValidArgsFunction: completeRuns,
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			all, home, err := listRuns(ctx, c, args)
			if err != nil {
				return err
			}
			if wantsJSON(c) {
				return printJSON(all)
			}
			if len(all) == 0 {
				fmt.Printf("no run in %s\n", home.URI)
				return nil
			}
			w := tabwriter.NewWriter(os.Stdout, 2, 8, 2, ' ', 0)
			fmt.Fprintln(w, "JOB\tRUN\tSTATE\tSTARTED\tTOOK\tHOW IT WENT")
			for _, st := range all {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", st.Job, st.Run, st.State, st.Started.Local().Format("2006-01-02 15:04:05"), took(st), headline(st))
			}
			return w.Flush()
		},
	}
	addHome(c)
	return c
}

func listRuns(ctx context.Context, c *cobra.Command, args []string) ([]jobs.RunState, *jobs.Home, error) {
	var names []string
	home, err := openHome(ctx, c, nil)
	if len(args) > 0 {
		var name string
		home, name, err = openJob(ctx, c, args[0])
		names = []string{name}
	}
	if err != nil {
		return nil, nil, err
	}
	if names == nil {
		if names, err = home.Jobs(ctx); err != nil {
			return nil, nil, err
		}
	}
	all := []jobs.RunState{}
	for _, n := range names {
		runs, err := home.Runs(ctx, n)
		if err != nil {
			return nil, nil, err
		}
		if len(runs) == 0 && len(args) > 0 {
			return nil, nil, noRuns(ctx, home, n)
		}
		for _, r := range runs {
			st, err := r.State(ctx)
			if err != nil {
				return nil, nil, err
			}
			all = append(all, st)
		}
	}
	return all, home, nil
}

func took(st jobs.RunState) string {
	d := st.Took()
	if d < 10*time.Second {
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// headline is a run in a few words.
func headline(st jobs.RunState) string {
	s := st.Summary
	if s == nil {
		if st.Progress == nil {
			return ""
		}
		text := "in " + st.Progress.Phase
		if n := len(st.Progress.Epochs); n > 0 {
			text += fmt.Sprintf(", %d epochs done", n)
		}
		return text
	}
	if s.Error != "" {
		msg, _, _ := strings.Cut(s.Error, "\n")
		return s.Class + ": " + msg
	}
	side := judged(s)
	var out []string
	for _, name := range s.Shown {
		if v, ok := s.Metrics[side][name]; ok && len(out) < 4 {
			out = append(out, name+" "+number(v.Value))
		}
	}
	return side + ": " + strings.Join(out, ", ")
}

func showCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "show RUN",
		Short: "Show how a run went; default the newest",
		Long: `Show how RUN went: a run's directory, or JOB/RUN, or JOB RUN, or JOB, by name or file, for its
newest.`,
		Example: `  howdah show late-flights
  howdah show flights.yaml 20130331T000000+0000-a1
  howdah show late-flights/20130331T000000+0000-a1
  howdah show howdah-home/jobs/late-flights/runs/20130331T000000+0000-a1`,
		Args:              arguments(1, 2),
		ValidArgsFunction: completeRuns,
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			r, err := openRun(ctx, c, args)
			if err != nil {
				return err
			}
			st, err := r.State(ctx)
			if err != nil {
				return err
			}
			if wantsJSON(c) {
				return printJSON(st)
			}
			if st.Summary != nil {
				printSummary(os.Stdout, st.Summary)
			} else {
				printUnfinished(st)
			}
			fmt.Println()
			return listFiles(ctx, r, "report.html", "evaluation.json", "model/model.onnx", "model/weights.safetensors", "model/fitted.json", "inputs.json", "plan.json")
		},
	}
	addHome(c)
	return c
}

// printUnfinished tells of a run that has no summary yet.
func printUnfinished(st jobs.RunState) {
	fmt.Printf("\n%s %s: %s, after %s\n", st.Job, st.Run, st.State, took(st))
	if st.State == jobs.StateRunning {
		fmt.Printf("process %d on %s works on it\n", st.Owner.PID, st.Owner.Host)
	}
	if p := st.Progress; p != nil {
		for _, x := range p.Passes {
			if x.RowsDone > 0 {
				fmt.Println(passLine(x))
			}
		}
		for _, e := range p.Epochs[max(0, len(p.Epochs)-3):] {
			fmt.Printf("epoch %d  loss %.4f\n", e.Epoch, e.Loss)
		}
	}
	if st.Released != nil && st.Released.Reason != "" {
		fmt.Println(st.Released.Reason)
	}
	if st.State == jobs.StateInterrupted {
		fmt.Println("howdah run with the same job file goes on from here")
	}
}

// listFiles names what the run left, with sizes.
func listFiles(ctx context.Context, r *jobs.Run, names ...string) error {
	for _, f := range names {
		info, err := r.Home.FS.Stat(ctx, r.Path(f))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		fmt.Printf("%10s  %s\n", comma(info.Size()), r.Path(f))
	}
	return nil
}
