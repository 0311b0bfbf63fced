// Command howdah trains models every night from Parquet on HDFS, or now from a directory.
//
// This package is flags, wiring and exit codes: each command is a file. It is the only place that knows a terminal.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"howdah/hdfsio"
	"howdah/jobs"
)

// version is set when a release is linked; otherwise it is the commit that the binary was built from.
var version = ""

func main() { os.Exit(howdah()) }

// howdah runs the command line of this process and returns its exit code.
func howdah() int {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		cancel(jobs.ErrInterrupted)
		<-signals // a second one does not wait for the checkpoint
		fmt.Fprintln(os.Stderr, "stopped at once")
		os.Exit(int(jobs.Interrupted))
	}()
	return execute(ctx, os.Args[1:])
}

// execute runs one command line and returns its exit code.
func execute(ctx context.Context, args []string) int {
	root := newRoot()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	asJSON, _ := root.PersistentFlags().GetBool("json")
	return report(err, asJSON)
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
  howdah show flights.yaml                  how it went`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.PersistentFlags().Bool("json", false, "print one JSON document (run: a line an event) instead of text")
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(runCommand(), planCommand(), validateCommand(), explainCommand(), initCommand(), runsCommand(), showCommand(), predictCommand(), doctorCommand(), schemaCommand(), versionCommand())
	return root
}

// files reaches file systems; the process's end closes its connections. A cluster that never answered is given up soon: most
// often its address is wrong, and who starts a job by hand waits. Once reached it is waited for as long as a NameNode takes to
// restart.
var files = hdfsio.NewResolver(hdfsio.Options{FirstContact: 4 * time.Second})

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
		Use: "version", Short: "Print the version", Args: arguments(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			if wantsJSON(c) {
				return printJSON(map[string]string{"version": buildVersion()})
			}
			fmt.Println("howdah", buildVersion())
			return nil
		},
	}
}
