// What several commands share: the job file with its overrides, the home with its runs, JSON, completion.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"howdah/internal/spelling"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"howdah/internal/strictyaml"
	"howdah/jobs"
)

// loadJob reads the job file named on the command line, with its --set flags.
func loadJob(c *cobra.Command, file string) (*jobs.Job, error) {
	source, err := readJob(file)
	if err != nil {
		return nil, err
	}
	sets, _ := c.Flags().GetStringArray("set")
	for _, s := range sets {
		if path, _, ok := strings.Cut(s, "="); !ok || strings.TrimSpace(path) == "" {
			return nil, usage("such as --set train.epochs=5", "--set %s: want path=value", s)
		}
	}
	j, err := jobs.Load(file, source, sets...)
	var problems strictyaml.Problems
	if err != nil && !errors.As(err, &problems) {
		return nil, &usageError{err: err}
	}
	return j, err
}

// readJob reads no more of a file than a job can be long.
func readJob(file string) ([]byte, error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		hint := "howdah init DATA > " + file + " looks at Parquet files and writes a first one"
		if !isYAML(file) {
			hint = "a job is a YAML file; howdah init DATA > job.yaml writes a first one"
		}
		return nil, usage(hint, "%s: no such file", file)
	}
	if err != nil {
		return nil, &usageError{err: err}
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, usage("a job is a YAML file; howdah init DATA > job.yaml writes a first one", "%s: is a directory, want a job file", file)
	}
	if info, err := f.Stat(); err == nil && info.Size() > strictyaml.MaxBytes {
		return nil, usage("is this the right file?", "%s: %d bytes; a job file has at most %d", file, info.Size(), strictyaml.MaxBytes)
	}
	b, err := io.ReadAll(io.LimitReader(f, strictyaml.MaxBytes+1))
	if err != nil {
		return nil, &usageError{err: err}
	}
	return b, nil
}

func isYAML(name string) bool {
	ext := filepath.Ext(name)
	return ext == ".yaml" || ext == ".yml"
}

func addSet(c *cobra.Command) {
	c.Flags().StringArray("set", nil, "override a value of the job file, such as --set train.epochs=5 (repeatable)")
}

func addWorkers(c *cobra.Command, n *int, what string) {
	c.Flags().IntVar(n, "workers", 0, what)
	c.PreRunE = func(*cobra.Command, []string) error {
		if *n < 0 || (*n == 0 && c.Flags().Changed("workers")) {
			return usage("", "--workers %d: want at least 1", *n)
		}
		return nil
	}
}

const defaultHome = "howdah-home"

func addHome(c *cobra.Command) {
	c.Flags().String("home", "", "where runs are kept (default: the job file's home where one is named, else "+defaultHome+")")
}

// openHome opens the home that --home names, or the job file in place of a job's name, or the default.
func openHome(ctx context.Context, c *cobra.Command, job *jobs.Job) (*jobs.Home, error) {
	uri, _ := c.Flags().GetString("home")
	if uri == "" && job != nil {
		uri = job.Spec.Home
	}
	if uri == "" {
		uri = defaultHome
	}
	return jobs.OpenHome(ctx, files, uri)
}

// openJob opens the home and tells the name of the job that an argument means: a name, or its file.
func openJob(ctx context.Context, c *cobra.Command, arg string) (*jobs.Home, string, error) {
	if isYAML(arg) {
		b, err := readJob(arg)
		if err != nil {
			return nil, "", err
		}
		j, err := jobs.Load(arg, b)
		if err != nil {
			return nil, "", err
		}
		h, err := openHome(ctx, c, j)
		return h, j.Spec.Name, err
	}
	h, err := openHome(ctx, c, nil)
	return h, arg, err
}

// noRuns says that a job has no run, and which jobs have.
func noRuns(ctx context.Context, home *jobs.Home, job string) error {
	known, err := home.Jobs(ctx)
	if err != nil {
		return err
	}
	if len(known) == 0 {
		return usage("howdah run JOB.yaml makes one; --home says where runs are kept", "no run in %s", home.URI)
	}
	hint := "it has runs of: " + strings.Join(known, ", ")
	if near := spelling.Nearest(job, known); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return usage(hint, "no run of %q in %s", job, home.URI)
}

// openRun finds the run that the arguments name: a directory, JOB/RUN, JOB RUN, or JOB for its newest.
func openRun(ctx context.Context, c *cobra.Command, args []string) (*jobs.Run, error) {
	job, name := args[0], ""
	if len(args) == 2 {
		name = args[1]
	} else if i := strings.LastIndexByte(job, '/'); i >= 0 && !isYAML(job) {
		if r := jobs.RunAt(ctx, files, job); r != nil {
			return r, nil
		}
		job, name = job[:i], job[i+1:]
	}
	home, job, err := openJob(ctx, c, job)
	if err != nil {
		return nil, err
	}
	return findRun(ctx, home, job, name)
}

func findRun(ctx context.Context, home *jobs.Home, job, name string) (*jobs.Run, error) {
	runs, err := home.Runs(ctx, job)
	if err != nil {
		return nil, err
	}
	if len(runs) == 0 {
		return nil, noRuns(ctx, home, job)
	}
	if name == "" {
		return runs[len(runs)-1], nil
	}
	for _, r := range runs {
		if r.ID.String() == name {
			return r, nil
		}
	}
	return nil, usage("the newest is "+runs[len(runs)-1].ID.String()+"; howdah runs "+job+" lists them", "no run %s of %s in %s", name, job, home.URI)
}

// completeFiles offers job files.
func completeFiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
}

// completeRuns offers the home's jobs, then the runs of the one that was chosen.
func completeRuns(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	const none = cobra.ShellCompDirectiveNoFileComp
	if len(args) == 0 {
		home, err := openHome(c.Context(), c, nil)
		if err != nil {
			return nil, none
		}
		names, err := home.Jobs(c.Context())
		if err != nil {
			return nil, none
		}
		return names, cobra.ShellCompDirectiveDefault // a job file will do too
	}
	if len(args) > 1 {
		return nil, none
	}
	home, name, err := openJob(c.Context(), c, args[0])
	if err != nil {
		return nil, none
	}
	runs, err := home.Runs(c.Context(), name)
	if err != nil {
		return nil, none
	}
	var out []string
	for i := len(runs) - 1; i >= 0; i-- { // the newest first
		out = append(out, runs[i].ID.String())
	}
	return out, none | cobra.ShellCompDirectiveKeepOrder
}

// completeModel offers the home's jobs for the first argument, files for the others.
func completeModel(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return completeRuns(c, nil, word)
}

func wantsJSON(c *cobra.Command) bool {
	v, _ := c.Flags().GetBool("json")
	return v
}

func printJSON(v any) error {
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
