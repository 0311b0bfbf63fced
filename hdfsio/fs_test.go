package hdfsio_test

import (
	"testing"
	"time"

	"howdah/hdfsio"
	"howdah/hdfsio/fstest"
	"howdah/internal/hadooptest"
)

func TestLocal(t *testing.T)  { t.Parallel(); fstest.Run(t, hdfsio.Local{}, t.TempDir()) }
func TestMemory(t *testing.T) { t.Parallel(); fstest.Run(t, hdfsio.NewMemory(), "/test") }

func TestHDFS(t *testing.T) {
	t.Parallel()
	fsys, dir := shared(t, hdfsio.Options{})
	fstest.Run(t, fsys, dir)
}

// shared returns a directory for this test on the cluster that the tests share.
func shared(t *testing.T, o hdfsio.Options) (hdfsio.FS, string) {
	return on(t, hadooptest.Shared(t), o)
}

func on(t *testing.T, c *hadooptest.Cluster, o hdfsio.Options) (hdfsio.FS, string) {
	t.Helper()
	o.ConfDir = c.ConfDir()
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	r := hdfsio.NewResolver(o)
	t.Cleanup(func() { r.Close() })
	fsys, dir, err := r.Resolve(t.Context(), "hdfs:///"+t.Name())
	if err != nil {
		t.Fatal(err)
	}
	return fsys, dir
}
