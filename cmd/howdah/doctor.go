package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"howdah/hdfsio"
	"howdah/jobs"
)

func doctorCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "doctor URI",
		Short: "Try each step of reaching a file system; say what is wrong and which setting to change",
		Long: `Go through the steps of reaching a path: configuration, login, name lookup, connection, a call,
listing, reading a block, and with --write writing one. The first step that fails says what is
wrong and which setting to change; the exit code is then 1.`,
		Example: `  howdah doctor hdfs:///warehouse/flights
  howdah doctor hdfs://namenode:8020/tmp --write`,
		Args: arguments(1, 1),
	}
	write := c.Flags().Bool("write", false, "also write, rename and remove a small file there")
	c.RunE = func(c *cobra.Command, args []string) error {
		steps := []hdfsio.Step{}
		failed := false
		for s := range hdfsio.Doctor(c.Context(), args[0], hdfsio.Options{}, *write) {
			failed = failed || !s.OK
			steps = append(steps, s)
			if !wantsJSON(c) {
				printStep(s)
			}
		}
		if wantsJSON(c) {
			if err := printJSON(steps); err != nil {
				return err
			}
		}
		if failed {
			return exitCode(jobs.Other)
		}
		return nil
	}
	return c
}

func printStep(s hdfsio.Step) {
	mark := "ok"
	if !s.OK {
		mark = "FAILED"
	}
	fmt.Printf("%-6s  %-14s %s\n", mark, s.Name, s.Detail)
	if s.Hint != "" {
		fmt.Printf("%-6s  %-14s %s\n", "", "hint:", s.Hint)
	}
}
