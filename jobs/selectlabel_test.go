package jobs

import (
	"strings"
	"testing"
)

// A method of selection that does not suit the label is a mistake of the job file, at its place, although only the data say what
// kind the label is.
func TestSelectionThatDoesNotSuitTheLabel(t *testing.T) {
	t.Parallel()
	job := mustLoad(t, "name: chi\nhome: "+t.TempDir()+"\ndata: {path: "+peopleDir(t, 1, 1000)+"}\nruntime: {scratch: "+t.TempDir()+
		"}\ncolumns: {income: {role: label}}\nselection:\n  - {method: variance}\n  - {method: chi2, keep: 2}\n")
	_, err := job.Run(t.Context(), RunOptions{Workers: 1})
	const want = `job.yaml:8:14: selection[1].method: chi2 needs a label with classes; this one is a quantity: use mutual_information or anova_f`
	if err == nil || ClassOf(err) != UserError || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v (%v), want %s", err, ClassOf(err), want)
	}
}
