package jobs

import (
	"regexp"
	"strings"
	"testing"

	"howdah/eval"
	"howdah/preprocess"
	"howdah/train"
)

func TestReferenceIsCurrent(t *testing.T) {
	t.Parallel()
	golden(t, "../docs/reference.md", Reference())
}

// Nothing that a job file can name is missing.
func TestReferenceIsComplete(t *testing.T) {
	t.Parallel()
	text := string(Reference())
	var names []string
	names = append(names, preprocess.SelectMethods()...)
	names = append(names, preprocess.SplitMethods()...)
	names = append(names, eval.MetricNames()...)
	names = append(names, train.ModelTypes...)
	names = append(names, train.OptimizerTypes...)
	names = append(names, train.LossTypes...)
	names = append(names, train.ScheduleTypes...)
	names = append(names, train.Activations...)
	names = append(names, Roles...)
	for _, k := range preprocess.Kinds() {
		names = append(names, k.Name)
		for _, o := range k.Options {
			names = append(names, o.Name)
		}
	}
	for _, n := range names {
		if !regexp.MustCompile(`\b` + n + `\b`).MatchString(text) {
			t.Errorf("%s is not in the reference", n)
		}
	}
	for _, m := range preprocess.SelectMethods() {
		if selectionDocs[m] == "" {
			t.Errorf("selection method %s is not described", m)
		}
	}
	if len(selectionDocs) != len(preprocess.SelectMethods()) {
		t.Error("a method of selection is described that there is not")
	}
	for l := range strings.Lines(text) {
		if strings.HasPrefix(l, "|") && strings.Count(strings.ReplaceAll(l, `\|`, ""), "|") != strings.Count("| | | | |", "|") && strings.Count(l, "|") != 3 {
			t.Errorf("a row of another width: %s", l)
		}
	}
}
