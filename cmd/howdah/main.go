// Command howdah trains models every night from Parquet on HDFS, or now from a directory.
//
// This package is flags, wiring and exit codes: each command is a file. It is the only place that knows a terminal.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"howdah/internal/strictyaml"
	"howdah/jobs"
)

// version is set when a release is linked; otherwise it is the commit that the binary was built from.
var version = ""

func main() {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		cancel(jobs.ErrInterrupted)
		<-signals // a second one does not wait for the checkpoint
		os.Exit(int(jobs.Interrupted))
	}()
	os.Exit(execute(ctx, os.Args[1:]))
}

// execute runs one command line and returns its exit code.
func execute(ctx context.Context, args []string) int {
	root := newRoot()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var code exitCode
	if errors.As(err, &code) {
		return int(code)
	}
	class := jobs.ClassOf(err)
	var usage *usageError
	if errors.As(err, &usage) || strings.HasPrefix(err.Error(), "unknown command") || strings.HasPrefix(err.Error(), "unknown flag") {
		class = jobs.UserError
	}
	asJSON, _ := root.PersistentFlags().GetBool("json")
	if asJSON {
		b, merr := json.Marshal(map[string]any{"error": err.Error(), "class": class.String(), "exit": int(class), "hint": jobs.HintOf(err)})
		if merr == nil {
			fmt.Fprintln(os.Stderr, string(b))
		}
		return int(class)
	}
	printError(err)
	return int(class)
}

// exitCode ends the command with a code and no further word.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprint("exit ", int(e)) }

// usageError is a mistake on the command line.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func printError(err error) {
	var problems strictyaml.Problems
	if errors.As(err, &problems) {
		for _, p := range problems {
			fmt.Fprintln(os.Stderr, p)
		}
		if n := len(problems); n > 1 {
			fmt.Fprintf(os.Stderr, "%d mistakes\n", n)
		}
		return
	}
	if jobs.ClassOf(err) == jobs.Interrupted {
		fmt.Fprintln(os.Stderr, "interrupted; what was done is kept. The same command goes on from here.")
		return
	}
	fmt.Fprintln(os.Stderr, "error:", err)
	if h := jobs.HintOf(err); h != "" {
		fmt.Fprintln(os.Stderr, "hint:", h)
	}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "howdah",
		Short: "Models retrained every night, from Parquet on HDFS",
		Long: `howdah reads Parquet shards from HDFS or a local directory, cleans, encodes and selects
features, trains a model by sweeping the shards, evaluates it on rows it has not seen, and
writes it back with its preprocessing inside. One YAML file describes a job.

Exit codes: 0 done, 1 failed, 2 bad job file or usage, 3 bad data, 4 transient (worth a
retry), 5 the model diverged, 6 out of time, 21 data not ready, 75 somebody else holds the
claim, 130 interrupted (run it again and it goes on).`,
		Example: `  howdah init data/flights > flights.yaml   look at the data and write a job
  howdah plan flights.yaml                  what would be read and done
  howdah run flights.yaml                   do it
  howdah show flights                       how it went`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.PersistentFlags().Bool("json", false, "print one JSON document (run: a line an event) instead of text")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return &usageError{fmt.Errorf("%w\n%s --help says what is known", err, c.CommandPath())}
	})
	root.AddCommand(runCommand(), planCommand(), validateCommand(), explainCommand(), initCommand(), runsCommand(), showCommand(), predictCommand(), doctorCommand(), schemaCommand(), versionCommand())
	return root
}

// exactly is cobra.ExactArgs with words.
func exactly(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		return &usageError{fmt.Errorf("%s wants %s, have %d argument(s)\n  howdah %s", c.Name(), strings.Join(names, " "), len(args), c.Use)}
	}
}

// loadJob reads the job file named on the command line, with its --set flags.
func loadJob(c *cobra.Command, file string) (*jobs.Job, error) {
	source, err := os.ReadFile(file)
	if err != nil {
		return nil, &usageError{err}
	}
	if info, err := os.Stat(file); err == nil && info.Size() > strictyaml.MaxBytes {
		source = source[:min(int64(len(source)), strictyaml.MaxBytes+1)]
	}
	sets, _ := c.Flags().GetStringArray("set")
	return jobs.Load(file, source, sets...)
}

func addSet(c *cobra.Command) {
	c.Flags().StringArray("set", nil, "override a value of the job file, such as --set train.epochs=5 (repeatable)")
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

func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		rev, dirty := "", ""
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				rev = s.Value[:min(len(s.Value), 12)]
			case "vcs.modified":
				if s.Value == "true" {
					dirty = "+changes"
				}
			}
		}
		if rev != "" {
			return rev + dirty
		}
	}
	return "development"
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if wantsJSON(c) {
				return printJSON(map[string]string{"version": buildVersion()})
			}
			fmt.Println("howdah", buildVersion())
			return nil
		},
	}
}
