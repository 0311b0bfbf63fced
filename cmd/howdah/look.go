package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sort"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"howdah/hdfsio"
	"howdah/jobs"
)

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

func validateCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "validate JOB.yaml...",
		Short: "Check job files; all mistakes at once, each at its place",
		Example: `  howdah validate flights.yaml
  howdah validate jobs/*.yaml --data     also against the files that they name`,
		Args: cobra.MinimumNArgs(1),
	}
	data := c.Flags().Bool("data", false, "also read the footers of the data and check columns, expressions and features against them")
	slot := c.Flags().String("slot", "", "the slot whose data are looked at; default now")
	addSet(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		var worst error
		for _, file := range args {
			job, err := loadJob(c, file)
			if err == nil && *data {
				_, err = job.Plan(c.Context(), jobs.PlanOptions{Slot: *slot})
			}
			if err != nil {
				if len(args) > 1 {
					printError(err)
					worst = exitCode(jobs.ClassOf(err))
					continue
				}
				return err
			}
			if wantsJSON(c) {
				if err := printJSON(map[string]any{"file": file, "ok": true, "warnings": job.Warnings()}); err != nil {
					return err
				}
				continue
			}
			for _, w := range job.Warnings() {
				fmt.Printf("%s: %s: note: %s\n", file, w.Path, w.Msg)
			}
			fmt.Printf("%s: ok\n", file)
		}
		return worst
	}
	return c
}

func explainCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "explain JOB.yaml",
		Short:   "Print the resolved job, each value with where it came from",
		Example: `  howdah explain flights.yaml --set train.epochs=3`,
		Args:    exactly("JOB.yaml"),
		RunE: func(c *cobra.Command, args []string) error {
			job, err := loadJob(c, args[0])
			if err != nil {
				return err
			}
			return job.Explain(os.Stdout)
		},
	}
	addSet(c)
	return c
}

func schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of job files, for editors",
		Example: `  howdah schema > howdah.schema.json
  # then, at the top of a job file: # yaml-language-server: $schema=howdah.schema.json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := os.Stdout.Write(jobs.Schema())
			return err
		},
	}
}

func initCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "init DATA",
		Short: "Look at the data and write a job file for it, with comments",
		Example: `  howdah init testdata/flights > flights.yaml
  howdah init hdfs:///warehouse/flights > flights.yaml`,
		Args: exactly("DATA"),
	}
	var opts jobs.InitOptions
	c.Flags().StringVar(&opts.Label, "label", "", "the column to predict; default: the likeliest")
	c.Flags().StringVar(&opts.Name, "name", "", "the job's name; default from the path")
	c.RunE = func(c *cobra.Command, args []string) error {
		b, err := jobs.InitJob(c.Context(), args[0], opts)
		if err != nil {
			return err
		}
		_, err = os.Stdout.Write(b)
		return err
	}
	return c
}

func planCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "plan JOB.yaml",
		Short: "Show what a run would read and do, before anything starts",
		Long:  "Reads the footers of the job's files, nothing else: the passes, the bytes of each, the memory, and what becomes of every column.",
		Args:  exactly("JOB.yaml"),
	}
	var opts jobs.PlanOptions
	c.Flags().StringVar(&opts.Slot, "slot", "", "the slot whose data are looked at; default now")
	c.Flags().IntVar(&opts.Workers, "workers", 0, "cores to plan for")
	addSet(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		job, err := loadJob(c, args[0])
		if err != nil {
			return err
		}
		plan, err := job.Plan(c.Context(), opts)
		if err != nil {
			return err
		}
		if wantsJSON(c) {
			return printJSON(plan)
		}
		return plan.Print(os.Stdout)
	}
	return c
}

// files reaches file systems; the process's end closes its connections.
var files = hdfsio.NewResolver(hdfsio.Options{})

func openHome(ctx context.Context, c *cobra.Command) (*jobs.Home, error) {
	uri, _ := c.Flags().GetString("home")
	return jobs.OpenHome(ctx, files, uri)
}

func addHome(c *cobra.Command) {
	c.Flags().String("home", "howdah-home", "where runs are kept")
}

func runsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "runs [JOB]",
		Short:   "List runs, newest last",
		Example: "  howdah runs\n  howdah runs late-flights --home hdfs:///howdah",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			home, err := openHome(ctx, c)
			if err != nil {
				return err
			}
			names := args
			if len(names) == 0 {
				if names, err = home.Jobs(ctx); err != nil {
					return err
				}
			}
			var all []jobs.RunState
			for _, n := range names {
				runs, err := home.Runs(ctx, jobName(n))
				if err != nil {
					return err
				}
				for _, r := range runs {
					st, err := r.State(ctx)
					if err != nil {
						return err
					}
					all = append(all, st)
				}
			}
			if wantsJSON(c) {
				return printJSON(all)
			}
			if len(all) == 0 {
				fmt.Printf("no runs in %s\n", home.URI)
				return nil
			}
			w := tabwriter.NewWriter(os.Stdout, 2, 8, 2, ' ', 0)
			fmt.Fprintln(w, "JOB\tRUN\tSTATE\tSTARTED\tTOOK\tTEST METRICS")
			for _, st := range all {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", st.Job, st.Run, st.State, st.Started.Local().Format("2006-01-02 15:04:05"), st.Took().Round(time.Millisecond), headline(st.Summary))
			}
			return w.Flush()
		},
	}
	addHome(c)
	return c
}

func headline(s *jobs.Summary) string {
	if s == nil {
		return ""
	}
	if s.Error != "" {
		return s.Class + ": " + firstLine(s.Error)
	}
	m := s.Metrics["test"]
	if m == nil {
		m = s.Metrics["validation"]
	}
	var out []string
	for _, name := range s.Shown {
		if v, ok := m[name]; ok {
			out = append(out, fmt.Sprintf("%s %.4f", name, v.Value))
		}
	}
	return strings.Join(out, ", ")
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

// jobName lets a job be named by its file too.
func jobName(arg string) string {
	if b, err := os.ReadFile(arg); err == nil && strings.HasSuffix(arg, ".yaml") {
		if j, err := jobs.Load(arg, b); err == nil {
			return j.Spec.Name
		}
	}
	return arg
}

func showCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "show JOB [RUN]",
		Short: "Show how a run went; default the newest",
		Example: `  howdah show late-flights
  howdah show late-flights 20130331T000000+0000-a1`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			home, err := openHome(ctx, c)
			if err != nil {
				return err
			}
			name := ""
			if len(args) == 2 {
				name = args[1]
			}
			r, err := findRun(ctx, home, jobName(args[0]), name)
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
				fmt.Printf("%s %s: %s", st.Job, st.Run, st.State)
				if st.Progress != nil {
					fmt.Printf(", in %s", st.Progress.Phase)
				}
				fmt.Println()
				if st.Released != nil {
					fmt.Println("stopped:", st.Released.Reason)
				}
			}
			fmt.Println()
			return listFiles(ctx, r)
		},
	}
	addHome(c)
	return c
}

func findRun(ctx context.Context, home *jobs.Home, job, name string) (*jobs.Run, error) {
	runs, err := home.Runs(ctx, job)
	if err != nil {
		return nil, err
	}
	if len(runs) == 0 {
		known, err := home.Jobs(ctx)
		if err != nil {
			return nil, err
		}
		return nil, &usageError{fmt.Errorf("%w: %s has no run of %q; it has runs of: %s", errNoRun, home.URI, job, strings.Join(known, ", "))}
	}
	if name == "" {
		return runs[len(runs)-1], nil
	}
	for _, r := range runs {
		if r.ID.String() == name {
			return r, nil
		}
	}
	return nil, &usageError{fmt.Errorf("%w: %s of %s; the newest is %s", errNoRun, name, job, runs[len(runs)-1].ID)}
}

// listFiles names what the run left.
func listFiles(ctx context.Context, r *jobs.Run) error {
	for _, f := range []string{"report.html", "evaluation.json", "model/model.onnx", "model/weights.safetensors", "model/fitted.json", "inputs.json", "plan.json"} {
		info, err := r.Home.FS.Stat(ctx, r.Path(f))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		fmt.Printf("%10d  %s\n", info.Size(), r.Path(f))
	}
	return nil
}

func predictCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "predict RUN DATA OUT",
		Short: "Score the rows of Parquet files with a run's model",
		Long: `Score every row of DATA with the model of RUN, a run's directory (or JOB, for its newest run
that succeeded, or JOB/RUN), by its model.onnx, and write Parquet to OUT: one file for each of DATA,
with the columns named by --keep and the prediction.`,
		Example: `  howdah predict late-flights testdata/flights/day=2013-03-31 scored
  howdah predict late-flights hdfs:///warehouse/flights/day=2013-04-01 hdfs:///scored/2013-04-01 --keep flight_id`,
		Args: exactly("RUN", "DATA", "OUT"),
	}
	var opts jobs.PredictOptions
	c.Flags().StringSliceVar(&opts.Keep, "keep", nil, "columns of DATA to write beside the prediction")
	c.Flags().IntVar(&opts.Workers, "workers", 0, "cores to use; default all")
	addHome(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		ctx := c.Context()
		home, err := openHome(ctx, c)
		if err != nil {
			return err
		}
		run, err := jobs.FindModel(ctx, files, home, args[0])
		if err != nil {
			return err
		}
		ui := newUI(wantsJSON(c))
		opts.Reporter, opts.Files = ui, files
		res, err := jobs.Predict(ctx, run, args[1], args[2], opts)
		ui.close()
		if err != nil {
			return err
		}
		if wantsJSON(c) {
			return printJSON(res)
		}
		fmt.Printf("%d rows of %d files scored by %s of %s into %s\n", res.Rows, res.Files, res.Run, res.Job, args[2])
		return nil
	}
	return c
}

func doctorCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "doctor URI",
		Short: "Try each step of reaching a file system; say what is wrong and which setting to change",
		Example: `  howdah doctor hdfs:///warehouse/flights
  howdah doctor hdfs://namenode:8020/tmp --write`,
		Args: exactly("URI"),
	}
	write := c.Flags().Bool("write", false, "also write, rename and remove a small file there")
	c.RunE = func(c *cobra.Command, args []string) error {
		failed := false
		var all []hdfsio.Step
		for s := range hdfsio.Doctor(c.Context(), args[0], hdfsio.Options{}, *write) {
			failed = failed || !s.OK
			all = append(all, s)
			if !wantsJSON(c) {
				fmt.Println(s)
			}
		}
		if wantsJSON(c) {
			if err := printJSON(all); err != nil {
				return err
			}
		}
		if failed {
			return exitCode(jobs.Transient)
		}
		return nil
	}
	return c
}
