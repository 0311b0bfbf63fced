package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

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
goes on. A second Ctrl-C does not wait for the checkpoint.

Progress goes to standard error, the result to standard output.`,
		Example: `  howdah run flights.yaml
  howdah run flights.yaml --set train.epochs=3 --home /tmp/try
  howdah run flights.yaml --slot 2013-03-31        the run of that night`,
		Args:              arguments(1, 1),
		ValidArgsFunction: completeFiles,
		RunE: func(c *cobra.Command, args []string) error {
			job, err := loadJob(c, args[0])
			if err != nil {
				return err
			}
			opts.Version, opts.Files = buildVersion(), files
			asJSON := wantsJSON(c)
			ui := newUI(asJSON, job.Spec.Evaluate.Metrics)
			opts.Reporter = ui
			for _, w := range job.Warnings() {
				ui.Note(w.Path + ": " + w.Msg)
			}
			stop := context.AfterFunc(c.Context(), func() {
				ui.say("stopping: the batch at hand is finished and a checkpoint kept; Ctrl-C again stops at once")
			})
			if memory, err := jobs.ParseBytes(job.Spec.Runtime.Memory); err == nil {
				defer boundHeap(memory)()
			}
			res, err := job.Run(c.Context(), opts)
			stop()
			ui.close()
			if errors.Is(err, jobs.ErrInterrupted) && err.Error() == jobs.ErrInterrupted.Error() && !asJSON {
				fmt.Fprintln(os.Stderr, "interrupted; what was done is kept. The same command goes on from here.")
				return exitCode(jobs.Interrupted)
			}
			if err != nil {
				return err
			}
			if asJSON {
				return ui.line("result", res.Summary)
			}
			printSummary(os.Stdout, &res.Summary)
			fmt.Println()
			return listFiles(context.WithoutCancel(c.Context()), res.Run, "report.html", "model/model.onnx")
		},
	}
	c.Flags().StringVar(&opts.Home, "home", "", "where runs are kept, instead of the job's home")
	addWorkers(c, &opts.Workers, "cores to use, instead of the job's or all")
	c.Flags().StringVar(&opts.Slot, "slot", "", "the nominal time of the run: a date, or a time with its offset")
	addSet(c)
	return c
}
