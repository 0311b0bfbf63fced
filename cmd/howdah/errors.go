// Errors on the terminal: what went wrong, what to do about it, and the exit code.

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"howdah/internal/strictyaml"
	"howdah/jobs"
)

// exitCode ends the command with a code and no further word.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprint("exit ", int(e)) }

// usageError is a mistake on the command line.
type usageError struct {
	err  error
	hint string
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// Hint implements jobs.Hinter.
func (e *usageError) Hint() string { return e.hint }

func usage(hint, format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...), hint}
}

func flagError(c *cobra.Command, err error) error {
	msg := err.Error()
	// A number that is none: the parser's own words are Go's.
	if head, _, ok := strings.Cut(msg, ": strconv."); ok {
		msg = head + ": want a whole number"
	}
	return usage(c.CommandPath()+" --help lists the flags", "%s", msg)
}

// arguments wants from least to most arguments, named as in the command's Use.
func arguments(least, most int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		n := len(args)
		if n >= least && (most < 0 || n <= most) {
			return nil
		}
		_, names, _ := strings.Cut(c.Use, " ")
		have := "none"
		if n > 0 {
			have = fmt.Sprintf("%d: %s", n, strings.Join(args, " "))
		}
		if names == "" {
			return usage(c.CommandPath()+" --help says more", "%s takes no argument, have %s", c.Name(), have)
		}
		return usage(c.CommandPath()+" --help says more", "%s wants %s, have %s", c.Name(), names, have)
	}
}

// classify tells the class of any error of a command, and what to do about it.
func classify(err error) (class jobs.Class, hint string) {
	class, hint = jobs.ClassOf(err), jobs.HintOf(err)
	var own *usageError
	if errors.As(err, &own) || strings.HasPrefix(err.Error(), "unknown command") {
		class = jobs.UserError
	}
	return class, hint
}

// report prints an error that ends the command and returns its exit code.
func report(err error, asJSON bool) int {
	var code exitCode
	if errors.As(err, &code) {
		return int(code)
	}
	class, hint := classify(err)
	if asJSON {
		b, merr := json.Marshal(map[string]any{"error": err.Error(), "class": class.String(), "exit": int(class), "hint": hint})
		if merr == nil {
			fmt.Fprintln(os.Stderr, string(b))
		}
		return int(class)
	}
	printError(err)
	return int(class)
}

// printError says what went wrong, then what to do about it.
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
	class, hint := classify(err)
	msg := err.Error()
	if class == jobs.Interrupted {
		// Whatever else went wrong on the way out comes with it.
		fmt.Fprintln(os.Stderr, "interrupted")
		if msg = strings.TrimSpace(strings.TrimPrefix(msg, jobs.ErrInterrupted.Error())); msg == "" {
			return
		}
	}
	if head, near, ok := strings.Cut(msg, "\n\nDid you mean this?\n"); ok { // cobra's words
		msg, hint = head, "did you mean "+strings.Join(strings.Fields(near), " or ")+"?"
	} else if strings.HasPrefix(msg, "unknown command") {
		hint = "howdah --help lists the commands"
	}
	fmt.Fprintln(os.Stderr, "error:", msg)
	if hint != "" {
		fmt.Fprintln(os.Stderr, "hint:", hint)
	}
}
