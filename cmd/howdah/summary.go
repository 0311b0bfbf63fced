// The summary of a run, for people: what was read, what was trained, how good it is, and whether it is better than nothing.

package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"howdah/eval"
	"howdah/jobs"
)

// printSummary shows how a run went.
func printSummary(w io.Writer, s *jobs.Summary) {
	took := s.Ended.Sub(s.Started)
	switch {
	case took < 10*time.Second:
		took = took.Round(10 * time.Millisecond)
	default:
		took = took.Round(time.Second)
	}
	fmt.Fprintf(w, "\n%s %s: %s after %v\n", s.Job, s.Run, s.State, took)
	if s.Error != "" {
		fmt.Fprintf(w, "%s error: %s\n", s.Class, s.Error)
	}
	if s.Used > 0 {
		fmt.Fprintf(w, "%s rows of %s: %s train, %s validation, %s test", comma(s.Used), counted(s.Files, "file"), comma(s.Train), comma(s.Valid), comma(s.Test))
		if n := s.Rows - s.Used; n > 0 {
			fmt.Fprintf(w, "; %s rows left out", comma(n))
		}
		fmt.Fprintln(w)
	}
	for _, sk := range s.Skipped {
		fmt.Fprintf(w, "left out bad shard %s: %s\n", sk.Shard, sk.Reason)
	}
	if s.Params > 0 {
		fmt.Fprintf(w, "%s, %s, %s", counted(s.Features, "feature"), counted(s.Params, "parameter"), counted(s.Epochs, "epoch"))
		if s.Best > 0 && s.Best < s.Epochs {
			fmt.Fprintf(w, ", of which number %d was the best and is kept", s.Best)
		}
		fmt.Fprintln(w)
	}
	if s.Parity != nil {
		fmt.Fprintf(w, "model.onnx gives the bits of training on %s real and %d adversarial rows\n", comma(int64(s.Parity.Rows)), s.Parity.Adversarial)
	}
	if len(s.Metrics) > 0 {
		fmt.Fprintln(w)
		printMetrics(w, s)
		printVerdict(w, s)
	}
}

var sides = []string{"train", "validation", "test"}

// judged is the side by which a model is judged: the rows that neither training nor early stopping has seen.
func judged(s *jobs.Summary) string {
	for _, side := range []string{"test", "validation", "train"} {
		if s.Metrics[side] != nil {
			return side
		}
	}
	return ""
}

// printMetrics shows each side's metrics beside the trivial baseline's.
func printMetrics(w io.Writer, s *jobs.Summary) {
	last := judged(s)
	fmt.Fprintf(w, "%-18s", "")
	for _, side := range sides {
		if s.Metrics[side] != nil {
			fmt.Fprintf(w, "%11s", side)
		}
	}
	fmt.Fprintf(w, "%21s%11s\n", last+" interval", "baseline")
	for _, m := range s.Shown {
		if _, ok := s.Metrics[last][m]; !ok {
			continue
		}
		fmt.Fprintf(w, "%-18s", m)
		for _, side := range sides {
			if s.Metrics[side] == nil {
				continue
			}
			if v, ok := s.Metrics[side][m]; ok {
				fmt.Fprintf(w, "%11s", number(v.Value))
			} else {
				fmt.Fprintf(w, "%11s", "-")
			}
		}
		v := s.Metrics[last][m]
		fmt.Fprintf(w, "%21s%11s\n", number(v.Low)+" to "+number(v.High), number(v.Baseline))
	}
}

// neverYes are the metrics of those rows that a model says yes to; the trivial one often says yes to none.
var neverYes = map[string]bool{"precision": true, "recall": true, "f1": true}

// printVerdict says in words whether the model is better than the trivial one, by which metric and by how much. A
// difference counts where its interval, taken over the same rows, leaves out 0.
func printVerdict(w io.Writer, s *jobs.Summary) {
	side := judged(s)
	var better, same, worse []string
	lead := 0
	for _, name := range s.Shown {
		m, ok := s.Metrics[side][name]
		if !ok || (m.Baseline == 0 && neverYes[name]) {
			continue
		}
		sign := 0
		switch {
		case m.GainLow > 0:
			better, sign = append(better, versus(name, m)), 1
		case m.GainHigh < 0:
			worse, sign = append(worse, versus(name, m)), -1
		default:
			same = append(same, versus(name, m))
		}
		if len(better)+len(same)+len(worse) == 1 {
			lead = sign
		}
	}
	if len(better)+len(same)+len(worse) == 0 {
		return
	}
	verdict := "is not clearly better than"
	switch {
	case len(better) > 0 && len(worse) > 0:
		verdict = "is in some ways better and in others WORSE than"
	case lead > 0:
		verdict = "beats"
	case lead < 0:
		verdict = "is WORSE than"
	}
	fmt.Fprintf(w, "\nOn the %s rows the model %s the trivial baseline, which knows the labels of the training\nrows and no feature:\n", side, verdict)
	for _, x := range []struct {
		what string
		list []string
	}{{"better", better}, {"no clear difference", same}, {"worse", worse}} {
		for _, v := range x.list {
			fmt.Fprintf(w, "  %-20s %s\n", x.what, v)
		}
	}
}

// versus says how far a metric is from the baseline's.
func versus(name string, m jobs.Metric) string {
	text := fmt.Sprintf("%s %s against %s", name, number(m.Value), number(m.Baseline))
	if d := m.Value - m.Baseline; eval.Maximise(name) || m.Baseline <= 0 {
		return text + fmt.Sprintf(" (%+.4f)", d)
	}
	change := 100 * (m.Value/m.Baseline - 1)
	how := "lower"
	if change > 0 {
		how = "higher"
	}
	return text + fmt.Sprintf(" (%.1f%% %s)", math.Abs(change), how)
}

// number writes a metric in about five characters.
func number(v float64) string {
	if a := math.Abs(v); a != 0 && (a >= 1e5 || a < 1e-4) {
		return strconv.FormatFloat(v, 'g', 3, 64)
	} else if a >= 100 {
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'f', 4, 64)
}

// comma writes 80789 as 80,789.
func comma(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return comma(int64(n)) + " " + what
}
