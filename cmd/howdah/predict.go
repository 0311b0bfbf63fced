package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"howdah/jobs"
)

func predictCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "predict RUN DATA OUT",
		Short: "Score the rows of Parquet files with a run's model",
		Long: `Score every row of DATA with the model of RUN, a run's directory (or JOB, by name or file, for
its newest run that succeeded, or JOB/RUN), by its model.onnx, and write Parquet to OUT: one
file for each of DATA, with the columns named by --keep and the prediction.`,
		Example: `  howdah predict late-flights testdata/flights/day=2013-03-31 scored
  howdah predict late-flights hdfs:///warehouse/flights/day=2013-04-01 hdfs:///scored/2013-04-01 --keep flight_id`,
		Args:              arguments(3, 3),
		ValidArgsFunction: completeModel,
	}
	var opts jobs.PredictOptions
	c.Flags().StringSliceVar(&opts.Keep, "keep", nil, "columns of DATA to write beside the prediction")
	addWorkers(c, &opts.Workers, "cores to use; default all")
	addHome(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		ctx := c.Context()
		home, model, err := openJob(ctx, c, args[0])
		if err != nil {
			return err
		}
		run, err := jobs.FindModel(ctx, files, home, model)
		if err != nil {
			return err
		}
		if opts.Workers == 0 {
			opts.Workers = runtime.GOMAXPROCS(0)
		}
		ui := newUI(wantsJSON(c), nil)
		opts.Reporter, opts.Files = ui, files
		res, err := jobs.Predict(ctx, run, args[1], args[2], opts)
		ui.close()
		if err != nil {
			return err
		}
		if wantsJSON(c) {
			return ui.line("result", res)
		}
		fmt.Printf("%s rows of %s scored into %s by run %s of %s\n", comma(res.Rows), counted(res.Files, "file"), args[2], res.Run, res.Job)
		return nil
	}
	return c
}
