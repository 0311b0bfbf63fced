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

// A truth value may be regressed on: its share is predicted.
func TestTruthValueAsQuantity(t *testing.T) {
	t.Parallel()
	job := mustLoad(t, "name: share\nhome: "+t.TempDir()+"\ndata: {path: "+peopleDir(t, 1, 1000)+"}\nruntime: {scratch: "+t.TempDir()+
		"}\ncolumns: {member: {role: label, type: regression}}\nfeatures: [{columns: income}]\ntrain: {epochs: 1}\n")
	res, err := job.Run(t.Context(), RunOptions{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	if mse := res.Summary.Metrics["train"]["mse"].Baseline; mse < 0.2 || mse > 0.25+1e-9 {
		t.Errorf("baseline MSE of a truth value that is as often true as false is %v, want near 1/4", mse)
	}
}
