package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"

	"howdah/hdfsio"
	"howdah/internal/hadooptest"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"howdah": main})
}

// The scripts in testdata read like a manual: what a user types, and what comes.
func TestScripts(t *testing.T) {
	t.Parallel()
	runScripts(t, "testdata", func(e *testscript.Env) { // no cluster of this machine's
		e.Setenv("HADOOP_CONF_DIR", "")
		e.Setenv("HADOOP_HOME", "")
	})
}

// The same against a real HDFS.
func TestClusterScripts(t *testing.T) {
	t.Parallel()
	cluster := hadooptest.Shared(t)
	runScripts(t, "testdata/cluster", func(e *testscript.Env) {
		e.Setenv("HADOOP_CONF_DIR", cluster.ConfDir())
		e.Setenv("HADOOP_USER_NAME", os.Getenv("HADOOP_USER_NAME"))
	})
}

func runScripts(t *testing.T, dir string, env func(*testscript.Env)) {
	flights, err := filepath.Abs("../../testdata/flights")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			env(e)
			e.Setenv("FLIGHTS", flights)
			return os.MkdirAll(filepath.Join(e.WorkDir, ".tmp"), 0o755) // the script's temporary directory, for encoded rows
		},
		Condition: func(cond string) (bool, error) {
			if cond == "mount" {
				return canMount(t), nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"days":    days,
			"code":    code,
			"waitfor": waitFor,
			"samerun": sameRun,
			"events":  events,
			"filled":  filled,
			"tmpfs":   tmpfs,
			"copy":    copyFiles,
		},
	})
}

// copy FROM TO copies a directory's files from one file system to another, each named by its URI.
func copyFiles(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: copy FROM TO")
	}
	var fsys [2]hdfsio.FS
	var dir [2]string
	files := hdfsio.NewResolver(hdfsio.Options{ConfDir: ts.Getenv("HADOOP_CONF_DIR")})
	defer files.Close()
	ctx := context.Background()
	for i, uri := range args {
		if !strings.Contains(uri, "://") {
			uri = ts.MkAbs(uri)
		}
		var err error
		fsys[i], dir[i], err = files.Resolve(ctx, uri)
		ts.Check(err)
	}
	ts.Check(hdfsio.Walk(ctx, fsys[0], dir[0], func(name string, info fs.FileInfo) error {
		if info.IsDir() {
			return nil
		}
		_, err := hdfsio.Copy(ctx, fsys[1], dir[1]+strings.TrimPrefix(name, dir[0]), fsys[0], name)
		return err
	}))
}

// days FROM TO DIR copies the flights of some days of January 2013.
func days(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: days FROM TO DIR")
	}
	from, err := strconv.Atoi(args[0])
	ts.Check(err)
	to, err := strconv.Atoi(args[1])
	ts.Check(err)
	for d := from; d <= to; d++ {
		part := fmt.Sprintf("day=2013-01-%02d", d)
		b, err := os.ReadFile(filepath.Join(ts.Getenv("FLIGHTS"), part, "part-0.parquet"))
		ts.Check(err)
		dir := filepath.Join(ts.MkAbs(args[2]), part)
		ts.Check(os.MkdirAll(dir, 0o755))
		ts.Check(os.WriteFile(filepath.Join(dir, "part-0.parquet"), b, 0o644))
	}
}

// code N COMMAND... runs a command that must end with exit code N.
func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("%s: exit code %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

// waitfor PATTERN [SUBSTRING] waits until a file is there (and holds the text).
func waitFor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: waitfor PATTERN [SUBSTRING]")
	}
	for begun := time.Now(); time.Since(begun) < 60*time.Second; time.Sleep(5 * time.Millisecond) {
		found, err := filepath.Glob(ts.MkAbs(args[0]))
		ts.Check(err)
		for _, f := range found {
			if len(args) == 1 {
				return
			}
			if b, err := os.ReadFile(f); err == nil && strings.Contains(string(b), args[1]) {
				return
			}
		}
	}
	ts.Fatalf("nothing came at %s", args[0])
}

// samerun HOME1 HOME2: the only runs of two homes left the same model and evaluation, byte by byte.
func sameRun(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: samerun HOME1 HOME2")
	}
	for _, name := range []string{"model/model.onnx", "model/weights.safetensors", "model/fitted.json", "evaluation.json"} {
		var content [2][]byte
		for i, home := range args {
			found, err := filepath.Glob(filepath.Join(ts.MkAbs(home), "jobs", "*", "runs", "*", name))
			ts.Check(err)
			if len(found) != 1 {
				ts.Fatalf("%s has %d runs with %s, want one", home, len(found), name)
			}
			content[i], err = os.ReadFile(found[0])
			ts.Check(err)
		}
		if !bytes.Equal(content[0], content[1]) {
			ts.Fatalf("%s differs between %s and %s", name, args[0], args[1])
		}
	}
}

// events NAME...: standard output is a line of JSON an event, and these events are among them, in this order.
func events(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: events NAME...")
	}
	want := args
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		var e struct {
			Event string          `json:"event"`
			Data  json.RawMessage `json:"data"`
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Event == "" || len(e.Data) == 0 {
			ts.Fatalf("not an event: %s", line)
		}
		if len(want) > 0 && e.Event == want[0] {
			want = want[1:]
		}
	}
	if len(want) > 0 {
		ts.Fatalf("no event %q where it should be", want[0])
	}
}

// filled FILE BYTES writes a file of so many bytes of comment.
func filled(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: filled FILE BYTES")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), bytes.Repeat([]byte("# 4567\n"), n/7+1)[:n], 0o644))
}

// canMount tells whether this user may mount a file system. In CI root must.
func canMount(t *testing.T) bool {
	dir := t.TempDir()
	out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", dir).CombinedOutput()
	if err == nil {
		return syscall.Unmount(dir, 0) == nil
	}
	if os.Getenv("CI") == "true" && os.Getuid() == 0 {
		t.Errorf("a small file system cannot be mounted: %v: %s", err, out)
	}
	return false
}

// tmpfs DIR SIZE mounts a file system of that size.
func tmpfs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: tmpfs DIR SIZE")
	}
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	ts.Check(exec.Command("mount", "-t", "tmpfs", "-o", "size="+args[1], "tmpfs", dir).Run())
	ts.Defer(func() {
		if err := exec.Command("umount", dir).Run(); err != nil {
			ts.Logf("umount: %v", err)
		}
	})
}

// The help of every command is what testdata/help holds; go test -update writes it anew.
func TestHelp(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			if sub.Name() != "completion" && sub.Name() != "help" { // cobra's own
				visit(sub)
			}
		}
		var out bytes.Buffer
		c.SetOut(&out)
		c.InitDefaultHelpFlag()
		if err := c.Help(); err != nil {
			t.Fatal(err)
		}
		name := strings.ReplaceAll(c.CommandPath(), " ", "-") + ".txt"
		seen[name] = true
		for i, line := range strings.Split(out.String(), "\n") {
			if n := len([]rune(line)); n > 120 {
				t.Errorf("%s: line %d has %d columns", name, i+1, n)
			}
		}
		file := filepath.Join("testdata", "help", name)
		if *update {
			if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
			return
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
			return
		}
		if out.String() != string(want) {
			t.Errorf("%s is not the help of %s any more (go test ./cmd/howdah -run TestHelp -update):\n%s", file, c.CommandPath(), out.String())
		}
		if c.Runnable() && c.Example == "" && c.Name() != "version" {
			t.Errorf("%s has no example", c.CommandPath())
		}
	}
	visit(newRoot())
	files, err := os.ReadDir("testdata/help")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !seen[f.Name()] {
			t.Errorf("testdata/help/%s: no such command", f.Name())
		}
	}
}
