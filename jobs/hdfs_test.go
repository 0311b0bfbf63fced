package jobs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"howdah/hdfsio"
	"howdah/internal/hadooptest"
)

// upload copies a directory of shards to HDFS.
func upload(t *testing.T, files *hdfsio.Resolver, local, uri string) {
	t.Helper()
	to, dir, err := files.Resolve(t.Context(), uri)
	if err != nil {
		t.Fatal(err)
	}
	err = hdfsio.Walk(t.Context(), hdfsio.Local{}, local, func(name string, info os.FileInfo) error {
		rel, err := filepath.Rel(local, name)
		if err != nil {
			return err
		}
		_, err = hdfsio.Copy(t.Context(), to, dir+"/"+rel, hdfsio.Local{}, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The same job over hdfs:// and over a local directory gives the same bytes; home, checkpoints and resumption work there too.
func TestSameBytesOverHDFS(t *testing.T) {
	t.Parallel()
	cluster := hadooptest.Shared(t)
	files := hdfsio.NewResolver(hdfsio.Options{})
	defer files.Close()
	data := peopleDir(t, 4, 1500)
	root := cluster.URI() + "/" + filepath.Base(t.TempDir()) + "-jobs"
	upload(t, files, data, root+"/data")
	for name, lines := range models {
		local, err := peopleJob(t, data, t.TempDir(), lines).Run(t.Context(), RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		far, err := peopleJob(t, root+"/data", root+"/home-"+name, lines).Run(t.Context(), RunOptions{Workers: 2, Files: files})
		if err != nil {
			t.Fatal(err)
		}
		want := readArtefacts(t, local)
		for _, f := range artefacts {
			got, err := far.Run.Read(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want[f]) {
				t.Errorf("%s: %s over HDFS differs from that of the local directory", name, f)
			}
		}
	}

	ctx, cancel := context.WithCancelCause(t.Context())
	home := root + "/home-interrupted"
	lines := models["mlp"]
	_, err := peopleJob(t, root+"/data", home, lines).Run(ctx, RunOptions{Files: files, Reporter: &stopper{cancel: cancel, after: func(e, _ int32) bool { return e == 1 }}})
	if !errors.Is(err, ErrInterrupted) {
		t.Fatal(err)
	}
	res, err := peopleJob(t, root+"/data", home, lines).Run(t.Context(), RunOptions{Files: files})
	if err != nil {
		t.Fatal(err)
	}
	if !res.Run.Resumed {
		t.Error("a new run was begun")
	}
	if _, err := Predict(t.Context(), res.Run, root+"/data", root+"/scored", PredictOptions{Keep: []string{"id"}, Workers: 2, Files: files}); err != nil {
		t.Error(err)
	}
	if err := checkScored(t, files, root+"/scored"); err != nil {
		t.Error(err)
	}
}

// checkScored reads what predict wrote.
func checkScored(t *testing.T, files *hdfsio.Resolver, uri string) error {
	t.Helper()
	in, err := Freeze(t.Context(), files, &Spec{Data: Data{Sources: []Source{{Path: uri}}}}, mustSlot(t, "2013-01-01"), 2)
	if err != nil {
		return err
	}
	if in.Rows != 6000 || len(in.Shards) != 4 {
		return fmt.Errorf("%d rows in %d files were scored", in.Rows, len(in.Shards))
	}
	for _, c := range []string{"id", "prediction", "predicted_class"} {
		if _, ok := in.Shards[0].Schema.Lookup(c); !ok {
			return fmt.Errorf("no column %s", c)
		}
	}
	return nil
}
