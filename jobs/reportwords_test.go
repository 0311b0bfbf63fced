package jobs

import (
	"os"
	"strings"
	"testing"
)

// The report says what was done: full-batch descent has no batch size, and shares of rows are no fractions of a row.
func TestReportSaysWhatWasDone(t *testing.T) {
	t.Parallel()
	data := peopleDir(t, 1, 1000)
	for optimizer, want := range map[string]string{"gd": "gd 0.1, 2 epochs of one batch, all rows", "sgd": "sgd 0.01, 2 epochs of batches of 64"} {
		job := mustLoad(t, "name: words\nhome: "+t.TempDir()+"\nruntime: {scratch: "+t.TempDir()+"}\ncolumns: {age: {role: label}, id: {role: id}}\n"+
			"data: {path: "+data+", where: age != nil}\nfeatures: [{columns: income, scale: standard}]\noptimizer: "+optimizer+"\ntrain: {epochs: 2, batch_size: 64}\n")
		res, err := job.Run(t.Context(), RunOptions{Workers: 1})
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(res.Run.Path("report.html"))
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range []string{want, "% of the rows lie below"} {
			if !strings.Contains(string(b), w) {
				t.Errorf("%s: the report does not say %q", optimizer, w)
			}
		}
	}
}
