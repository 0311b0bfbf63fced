// Commands that look at a job file and its data, and write nothing: validate, explain, schema, init, plan.

package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"howdah/jobs"
)

func validateCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "validate JOB.yaml...",
		Short: "Check job files; all mistakes at once, each at its place",
		Example: `  howdah validate flights.yaml
  howdah validate jobs/*.yaml --data     also against the files that they name`,
		Args:              arguments(1, -1),
		ValidArgsFunction: completeFiles,
	}
	data := c.Flags().Bool("data", false, "also read the footers of the data and check columns, expressions and features against them")
	slot := c.Flags().String("slot", "", "the slot whose data are looked at; default now")
	addSet(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		var worst error
		for _, file := range args {
			job, err := loadJob(c, file)
			if err == nil && *data {
				_, err = job.Plan(c.Context(), jobs.PlanOptions{Slot: *slot, Files: files})
			}
			if err != nil {
				if len(args) == 1 {
					return err
				}
				worst = exitCode(report(err, wantsJSON(c)))
				continue
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
		Use:               "explain JOB.yaml",
		Short:             "Print the resolved job, each value with where it came from",
		Example:           `  howdah explain flights.yaml --set train.epochs=3`,
		Args:              arguments(1, 1),
		ValidArgsFunction: completeFiles,
		RunE: func(c *cobra.Command, args []string) error {
			job, err := loadJob(c, args[0])
			if err != nil {
				return err
			}
			if !wantsJSON(c) {
				return job.Explain(os.Stdout)
			}
			var text strings.Builder
			if err := job.Explain(&text); err != nil {
				return err
			}
			return printJSON(map[string]string{"file": args[0], "job": text.String()})
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
		Args: arguments(0, 0),
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
		Args: arguments(1, 1),
	}
	var opts jobs.InitOptions
	c.Flags().StringVar(&opts.Label, "label", "", "the column to predict; default: the likeliest")
	c.Flags().StringVar(&opts.Name, "name", "", "the job's name; default from the path")
	c.RunE = func(c *cobra.Command, args []string) error {
		opts.Files = files
		b, err := jobs.InitJob(c.Context(), args[0], opts)
		if err != nil {
			return err
		}
		if wantsJSON(c) {
			return printJSON(map[string]string{"data": args[0], "job": string(b)})
		}
		_, err = os.Stdout.Write(b)
		return err
	}
	return c
}

func planCommand() *cobra.Command {
	var opts jobs.PlanOptions
	c := &cobra.Command{
		Use:   "plan JOB.yaml",
		Short: "Show what a run would read and do, before anything starts",
		Long: `Read the footers of the job's files, nothing else, and show the passes, the bytes of each, the
memory, and what becomes of every column.`,
		Example:           "  howdah plan flights.yaml\n  howdah plan flights.yaml --slot 2013-03-31",
		Args:              arguments(1, 1),
		ValidArgsFunction: completeFiles,
		RunE: func(c *cobra.Command, args []string) error {
			job, err := loadJob(c, args[0])
			if err != nil {
				return err
			}
			opts.Files = files
			plan, err := job.Plan(c.Context(), opts)
			if err != nil {
				return err
			}
			if wantsJSON(c) {
				return printJSON(plan)
			}
			return plan.Print(os.Stdout)
		},
	}
	c.Flags().StringVar(&opts.Slot, "slot", "", "the slot whose data are looked at; default now")
	addWorkers(c, &opts.Workers, "cores to plan for; default all")
	addSet(c)
	return c
}
