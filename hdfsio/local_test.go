package hdfsio_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"howdah/hdfsio"
)

// TestLocalDirectories: what is said where a directory cannot be made. It works as root too, for whom permissions mean nothing.
func TestLocalDirectories(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o644))
	for _, name := range []string{filepath.Join(dir, "file", "below"), filepath.Join(dir, "file", "a", "b"), "/proc/no/such/file"} {
		for what, err := range map[string]error{
			"write": hdfsio.WriteFile(t.Context(), hdfsio.Local{}, name, []byte("x")),
			"claim": hdfsio.Local{}.Claim(t.Context(), name, []byte("x")),
		} {
			if err == nil {
				t.Errorf("%s %s succeeded", what, name)
			} else if !strings.Contains(err.Error(), filepath.Dir(filepath.Dir(name))) {
				t.Errorf("%s %s: the error does not say where: %v", what, name, err)
			}
		}
	}
}

func TestLocalStaleTemporaryFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w, err := hdfsio.Local{}.Create(t.Context(), dir+"/file")
	must(t, err)
	_, err = w.Write([]byte("half"))
	must(t, err)
	// Its writer dies: nobody calls Abort. The file is written anew, and listings do not show what is left.
	must(t, hdfsio.WriteFile(t.Context(), hdfsio.Local{}, dir+"/file", []byte("whole")))
	entries, err := os.ReadDir(dir)
	must(t, err)
	infos, err := hdfsio.Local{}.List(t.Context(), dir)
	must(t, err)
	if len(entries) != 2 || len(infos) != 1 {
		t.Errorf("%d entries, %d listed; want 2 and 1", len(entries), len(infos))
	}
	must(t, w.Abort())
}
