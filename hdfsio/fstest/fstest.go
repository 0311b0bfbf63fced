// Package fstest is the conformance suite of hdfsio.FS: what the port promises, asked of an implementation.
package fstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"howdah/hdfsio"
)

// Run checks the file system below dir, which must not exist yet or be empty. Its tests run in parallel, each in a directory of its own.
func Run(t *testing.T, fsys hdfsio.FS, dir string) {
	for _, c := range []struct {
		name string
		test func(*testing.T, hdfsio.FS, string)
	}{
		{"CreateIsInvisibleBeforeCommit", createInvisible},
		{"Abort", abort},
		{"CommitReplaces", commitReplaces},
		{"ReplaceIsAtomic", replaceAtomic},
		{"ClaimHasOneWinner", claimRace},
		{"Claim", claims},
		{"List", list},
		{"Stat", stat},
		{"Remove", remove},
		{"Names", names},
		{"ReadAt", readAt},
		{"LargeFile", largeFile},
		{"Cancel", cancelled},
		{"WrongKind", wrongKind},
		{"Helpers", helpers},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, fsys, path.Join(dir, c.name))
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("error is %v, want one that is %v", err, target)
	}
}

func wantContent(t *testing.T, fsys hdfsio.FS, name, content string) {
	t.Helper()
	b, err := hdfsio.ReadFile(t.Context(), fsys, name)
	must(t, err)
	if string(b) != content {
		t.Errorf("%s holds %.60q, want %.60q", name, b, content)
	}
}

func listNames(t *testing.T, fsys hdfsio.FS, dir string) []string {
	t.Helper()
	infos, err := fsys.List(t.Context(), dir)
	must(t, err)
	var names []string
	for _, i := range infos {
		names = append(names, i.Name())
	}
	return names
}

func createInvisible(t *testing.T, fsys hdfsio.FS, dir string) {
	ctx := t.Context()
	name := dir + "/a/b/file"
	w, err := fsys.Create(ctx, name)
	must(t, err)
	_, err = w.Write([]byte("half of "))
	must(t, err)
	_, err = fsys.Stat(ctx, name)
	want(t, err, fs.ErrNotExist)
	_, err = fsys.Open(ctx, name)
	want(t, err, fs.ErrNotExist)
	if got := listNames(t, fsys, dir+"/a/b"); len(got) != 0 {
		t.Errorf("before the commit the directory lists %q", got)
	}
	_, err = w.Write([]byte("a file"))
	must(t, err)
	must(t, w.Commit())
	must(t, w.Abort()) // does nothing after Commit
	if err := w.Commit(); err == nil {
		t.Error("a second Commit succeeded")
	}
	if _, err := w.Write([]byte("x")); err == nil {
		t.Error("a write after Commit succeeded")
	}
	wantContent(t, fsys, name, "half of a file")
	if got := listNames(t, fsys, dir+"/a/b"); !slices.Equal(got, []string{"file"}) {
		t.Errorf("after the commit the directory lists %q", got)
	}
}

func abort(t *testing.T, fsys hdfsio.FS, dir string) {
	ctx := t.Context()
	name := dir + "/file"
	must(t, hdfsio.WriteFile(ctx, fsys, name, []byte("old")))
	for _, n := range []int{0, 10, 3 << 20} {
		w, err := fsys.Create(ctx, name)
		must(t, err)
		_, err = w.Write(make([]byte, n))
		must(t, err)
		must(t, w.Abort())
		must(t, w.Abort())
		if err := w.Commit(); err == nil {
			t.Error("Commit after Abort succeeded")
		}
		wantContent(t, fsys, name, "old")
		if got := listNames(t, fsys, dir); !slices.Equal(got, []string{"file"}) {
			t.Errorf("after an abort the directory lists %q", got)
		}
	}
}

func commitReplaces(t *testing.T, fsys hdfsio.FS, dir string) {
	ctx := t.Context()
	name := dir + "/file"
	for _, content := range []string{"one", "", "three, longer than the others"} {
		must(t, hdfsio.WriteFile(ctx, fsys, name, []byte(content)))
		wantContent(t, fsys, name, content)
	}
}

func replaceAtomic(t *testing.T, fsys hdfsio.FS, dir string) {
	ctx := t.Context()
	name := dir + "/progress.json"
	version := func(i int) []byte { return bytes.Repeat([]byte{byte('a' + i%26)}, 1000+i) }
	must(t, hdfsio.WriteFile(ctx, fsys, name, version(0)))
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				b, err := hdfsio.ReadFile(ctx, fsys, name)
				if err != nil {
					t.Errorf("a reader of a file that is being replaced: %v", err)
					return
				}
				if len(b) < 1000 || !bytes.Equal(b, version(len(b)-1000)) {
					t.Errorf("a reader saw a mixture: %d bytes, beginning with %.20q", len(b), b)
					return
				}
			}
		})
	}
	for i := 1; i < 30; i++ {
		if err := hdfsio.WriteFile(ctx, fsys, name, version(i)); err != nil {
			t.Error(err)
			break
		}
	}
	close(done)
	readers.Wait()
	wantContent(t, fsys, name, string(version(29)))
}

func claimRace(t *testing.T, fsys hdfsio.FS, dir string) {
	ctx := t.Context()
	for round := range 3 {
		name := fmt.Sprintf("%s/slot-%d/owner.json", dir, round)
		var mu sync.Mutex
		var winners []string
		var group sync.WaitGroup
		start := make(chan struct{})
		for i := range 32 {
			group.Go(func() {
				nonce := fmt.Sprintf("owner-%d-%d", round, i)
				<-start
				err := fsys.Claim(ctx, name, []byte(nonce))
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					winners = append(winners, nonce)
				} else if !errors.Is(err, fs.ErrExist) {
					t.Errorf("a loser's error is %v, want one that is fs.ErrExist", err)
				}
			})
		}
		close(start)
		group.Wait()
		if len(winners) != 1 {
			t.Fatalf("winners: %q, want one", winners)
		}
		wantContent(t, fsys, name, winners[0])
		if got := listNames(t, fsys, path.Dir(name)); !slices.Equal(got, []string{"owner.json"}) {
			t.Errorf("after the race the directory lists %q", got)
		}
	}
}

func claims(t *testing.T, fsys hdfsio.FS, dir string) {
	ctx := t.Context()
	want(t, fsys.Claim(ctx, dir+"/empty", nil), fs.ErrInvalid)
	must(t, hdfsio.WriteFile(ctx, fsys, dir+"/file", []byte("x")))
	want(t, fsys.Claim(ctx, dir+"/file", []byte("y")), fs.ErrExist)
	wantContent(t, fsys, dir+"/file", "x")
	must(t, fsys.Claim(ctx, dir+"/new", []byte("first")))
	// The owner itself does not get it twice: a claim that was answered is decided.
	want(t, fsys.Claim(ctx, dir+"/new", []byte("first")), fs.ErrExist)
	must(t, fsys.Remove(ctx, dir+"/new"))
	must(t, fsys.Claim(ctx, dir+"/new", []byte("second")))
	wantContent(t, fsys, dir+"/new", "second")
	if err := fsys.Claim(ctx, dir, []byte("z")); err == nil {
		t.Error("a directory was claimed")
	}
}

func list(t *testing.T, fsys hdfsio.FS, dir string) {
	ctx := t.Context()
	_, err := fsys.List(ctx, dir+"/absent")
	want(t, err, fs.ErrNotExist)
	made := []string{"b", "a10", "a2", "B", "_SUCCESS", ".hidden", "z.parquet", "a"}
	for i, n := range made {
		must(t, hdfsio.WriteFile(ctx, fsys, dir+"/"+n, make([]byte, i)))
	}
	must(t, hdfsio.WriteFile(ctx, fsys, dir+"/sub/deep/file", []byte("x")))
	infos, err := fsys.List(ctx, dir)
	must(t, err)
	var got []string
	for _, info := range infos {
		got = append(got, info.Name())
		if info.Name() == "sub" {
			if !info.IsDir() {
				t.Error("sub is listed as a file")
			}
			continue
		}
		if info.IsDir() {
			t.Errorf("%s is listed as a directory", info.Name())
		}
		if n := int64(slices.Index(made, info.Name())); info.Size() != n {
			t.Errorf("%s is listed with %d bytes, want %d", info.Name(), info.Size(), n)
		}
		if info.ModTime().Year() < 2020 {
			t.Errorf("%s was changed at %v", info.Name(), info.ModTime())
		}
	}
	sorted := slices.Sorted(slices.Values(append(made, "sub")))
	if !slices.Equal(got, sorted) {
		t.Errorf("listed %q, want %q", got, sorted)
	}
}

func stat(t *testing.T, fsys hdfsio.FS, dir string) {
	ctx := t.Context()
	_, err := fsys.Stat(ctx, dir+"/absent")
	want(t, err, fs.ErrNotExist)
	must(t, hdfsio.WriteFile(ctx, fsys, dir+"/file", []byte("12345")))
	info, err := fsys.Stat(ctx, dir+"/file")
	must(t, err)
	if info.Name() != "file" || info.Size() != 5 || info.IsDir() {
		t.Errorf("stat says %q, %d bytes, directory: %v", info.Name(), info.Size(), info.IsDir())
	}
	info, err = fsys.Stat(ctx, dir)
	must(t, err)
	if !info.IsDir() {
		t.Error("stat says that a directory is none")
	}
	_, err = fsys.Stat(ctx, dir+"/file/below")
	want(t, err, fs.ErrNotExist)
	// A file's time is the same however it is asked for: it is part of keys.
	f, err := fsys.Open(ctx, dir+"/file")
	must(t, err)
	defer f.Close()
	infos, err := fsys.List(ctx, dir)
	must(t, err)
	info, err = fsys.Stat(ctx, dir+"/file")
	must(t, err)
	if !f.ModTime().Equal(info.ModTime()) || !infos[0].ModTime().Equal(info.ModTime()) {
		t.Errorf("three times of one file: open %v, stat %v, list %v", f.ModTime(), info.ModTime(), infos[0].ModTime())
	}
}

func remove(t *testing.T, fsys hdfsio.FS, dir string) {
	ctx := t.Context()
	must(t, fsys.Remove(ctx, dir+"/absent"))
	must(t, fsys.Remove(ctx, dir+"/absent/too"))
	must(t, hdfsio.RemoveAll(ctx, fsys, dir+"/absent"))
	must(t, hdfsio.WriteFile(ctx, fsys, dir+"/d/file", []byte("x")))
	if err := fsys.Remove(ctx, dir+"/d"); err == nil {
		t.Error("a directory with a file in it was removed")
	}
	must(t, fsys.Remove(ctx, dir+"/d/file"))
	must(t, fsys.Remove(ctx, dir+"/d/file"))
	must(t, fsys.Remove(ctx, dir+"/d"))
	_, err := fsys.Stat(ctx, dir+"/d")
	want(t, err, fs.ErrNotExist)
	must(t, hdfsio.WriteFile(ctx, fsys, dir+"/e/f/g/file", []byte("x")))
	must(t, hdfsio.WriteFile(ctx, fsys, dir+"/e/file", []byte("x")))
	must(t, hdfsio.RemoveAll(ctx, fsys, dir+"/e"))
	_, err = fsys.Stat(ctx, dir+"/e")
	want(t, err, fs.ErrNotExist)
}

func names(t *testing.T, fsys hdfsio.FS, dir string) {
	ctx := t.Context()
	odd := []string{
		"with space", "100%", "a%20b", "day=2013-01-05", "key=a%2Fb", "naïve café", "東京-🛫.parquet", "a+b&c#d", "[x]{y}*?", "quote'\"",
		"tab\tinside", strings.Repeat("n", 240), strings.Repeat("é", 120),
	}
	for _, n := range odd {
		must(t, hdfsio.WriteFile(ctx, fsys, dir+"/"+n, []byte(n)))
		must(t, fsys.Claim(ctx, dir+"/claims/"+n, []byte(n)))
	}
	for _, n := range odd {
		wantContent(t, fsys, dir+"/"+n, n)
		info, err := fsys.Stat(ctx, dir+"/"+n)
		must(t, err)
		if info.Name() != n {
			t.Errorf("stat of %q names %q", n, info.Name())
		}
	}
	sorted := slices.Sorted(slices.Values(odd))
	if got := listNames(t, fsys, dir+"/claims"); !slices.Equal(got, sorted) {
		t.Errorf("listed %q\nwant   %q", got, sorted)
	}
}

// pattern is content in which every place differs from its neighbours and from the same place in other blocks.
func pattern(n int) []byte {
	b := make([]byte, n)
	x := uint64(88172645463325252)
	for i := range b {
		if i%8 == 0 {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
		}
		b[i] = byte(x >> (8 * (i % 8)))
	}
	return b
}

func readAt(t *testing.T, fsys hdfsio.FS, dir string) {
	ctx := t.Context()
	content := pattern(3<<20 + 777) // more than one block, where blocks are 1 MiB
	must(t, hdfsio.WriteFile(ctx, fsys, dir+"/file", content))
	f, err := fsys.Open(ctx, dir+"/file")
	must(t, err)
	if f.Size() != int64(len(content)) {
		t.Errorf("size %d, want %d", f.Size(), len(content))
	}
	end := int64(len(content))
	for _, c := range []struct {
		off int64
		n   int
		got int
		eof bool
	}{{0, 10, 10, false}, {1<<20 - 5, 10, 10, false}, {end - 4, 4, 4, false}, {end - 4, 10, 4, true}, {end, 1, 0, true}, {end + 100, 1, 0, true}, {5, 0, 0, false}} {
		b := make([]byte, c.n)
		n, err := f.ReadAt(b, c.off)
		if n != c.got || (err == io.EOF) != c.eof && !(n == c.n && err == io.EOF) || err != nil && err != io.EOF {
			t.Errorf("ReadAt(%d bytes, %d) = %d, %v", c.n, c.off, n, err)
		}
		if c.got > 0 && !bytes.Equal(b[:n], content[c.off:c.off+int64(n)]) {
			t.Errorf("ReadAt(%d bytes, %d): wrong bytes", c.n, c.off)
		}
	}
	if _, err := f.ReadAt(make([]byte, 1), -1); err == nil {
		t.Error("a negative offset was read")
	}
	var readers sync.WaitGroup
	for i := range 8 {
		readers.Go(func() {
			for j := range 12 {
				off := (i*7919*4099 + j*65537*13) % (len(content) - 100_000)
				b := make([]byte, 1+(i*31+j*17)%100_000)
				if _, err := f.ReadAt(b, int64(off)); err != nil {
					t.Errorf("ReadAt(%d bytes, %d): %v", len(b), off, err)
				} else if !bytes.Equal(b, content[off:off+len(b)]) {
					t.Errorf("ReadAt(%d bytes, %d): wrong bytes", len(b), off)
				}
			}
		})
	}
	readers.Wait()
	must(t, f.Close())
	if _, err := f.ReadAt(make([]byte, 1), 0); err == nil {
		t.Error("a closed file was read")
	}
}

func largeFile(t *testing.T, fsys hdfsio.FS, dir string) {
	ctx := t.Context()
	content := pattern(9<<20 + 12345)
	w, err := fsys.Create(ctx, dir+"/file")
	must(t, err)
	defer w.Abort()
	for b := content; len(b) > 0; {
		n := min(len(b), 300_001)
		m, err := w.Write(b[:n])
		must(t, err)
		if m != n {
			t.Fatalf("Write took %d of %d bytes", m, n)
		}
		b = b[n:]
	}
	must(t, w.Commit())
	b, err := hdfsio.ReadFile(ctx, fsys, dir+"/file")
	must(t, err)
	if !bytes.Equal(b, content) {
		t.Error("a file of many blocks came back changed")
	}
	n, err := hdfsio.Copy(ctx, fsys, dir+"/copy", fsys, dir+"/file")
	must(t, err)
	if n != int64(len(content)) {
		t.Errorf("copied %d bytes of %d", n, len(content))
	}
	b, err = hdfsio.ReadFile(ctx, fsys, dir+"/copy")
	must(t, err)
	if !bytes.Equal(b, content) {
		t.Error("a copy of a file of many blocks differs")
	}
}

func cancelled(t *testing.T, fsys hdfsio.FS, dir string) {
	ctx := t.Context()
	must(t, hdfsio.WriteFile(ctx, fsys, dir+"/file", pattern(2<<20)))
	dead, cancel := context.WithCancel(ctx)
	f, err := fsys.Open(dead, dir+"/file")
	must(t, err)
	defer f.Close()
	w, err := fsys.Create(dead, dir+"/new")
	must(t, err)
	defer w.Abort()
	_, err = w.Write(pattern(100_000))
	must(t, err)
	cancel()
	_, err = f.ReadAt(make([]byte, 10), 0)
	want(t, err, context.Canceled)
	_, err = w.Write(pattern(100_000))
	want(t, err, context.Canceled)
	want(t, w.Commit(), context.Canceled)
	_, err = fsys.Open(dead, dir+"/file")
	want(t, err, context.Canceled)
	_, err = fsys.Create(dead, dir+"/new")
	want(t, err, context.Canceled)
	want(t, fsys.Claim(dead, dir+"/claim", []byte("x")), context.Canceled)
	_, err = fsys.List(dead, dir)
	want(t, err, context.Canceled)
	_, err = fsys.Stat(dead, dir)
	want(t, err, context.Canceled)
	want(t, fsys.Remove(dead, dir+"/file"), context.Canceled)
	must(t, w.Abort())
	if got := listNames(t, fsys, dir); !slices.Equal(got, []string{"file"}) {
		t.Errorf("after the cancellation the directory lists %q", got)
	}
}

func wrongKind(t *testing.T, fsys hdfsio.FS, dir string) {
	ctx := t.Context()
	must(t, hdfsio.WriteFile(ctx, fsys, dir+"/file", []byte("x")))
	must(t, hdfsio.WriteFile(ctx, fsys, dir+"/sub/file", []byte("x")))
	for what, err := range map[string]error{
		"opening a directory":          second(fsys.Open(ctx, dir+"/sub")),
		"listing a file":               second(fsys.List(ctx, dir+"/file")),
		"creating over a directory":    second(fsys.Create(ctx, dir+"/sub")),
		"creating below a file":        second(fsys.Create(ctx, dir+"/file/below")),
		"claiming below a file":        fsys.Claim(ctx, dir+"/file/below", []byte("x")),
		"opening what is not there":    second(fsys.Open(ctx, dir+"/absent")),
		"opening below what is absent": second(fsys.Open(ctx, dir+"/absent/file")),
	} {
		if err == nil {
			t.Errorf("%s succeeded", what)
			continue
		}
		if !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: the error does not name the file: %v", what, err)
		}
		if strings.HasPrefix(what, "opening") && !strings.Contains(what, "directory") {
			want(t, err, fs.ErrNotExist)
		}
	}
	wantContent(t, fsys, dir+"/sub/file", "x")
}

func second[T any](_ T, err error) error { return err }

func helpers(t *testing.T, fsys hdfsio.FS, dir string) {
	ctx := t.Context()
	ok, err := hdfsio.Exists(ctx, fsys, dir+"/a")
	if ok || err != nil {
		t.Errorf("Exists of an absent file: %v, %v", ok, err)
	}
	for _, n := range []string{"b/2", "b/1/x", "a", "c"} {
		must(t, hdfsio.WriteFile(ctx, fsys, dir+"/"+n, []byte(n)))
	}
	ok, err = hdfsio.Exists(ctx, fsys, dir+"/a")
	if !ok || err != nil {
		t.Errorf("Exists: %v, %v", ok, err)
	}
	var seen []string
	walk := func(stop string, with error) func(string, fs.FileInfo) error {
		seen = nil
		return func(name string, info fs.FileInfo) error {
			rel := strings.TrimPrefix(name, dir+"/")
			if info.IsDir() {
				rel += "/"
			}
			seen = append(seen, rel)
			if rel == stop {
				return with
			}
			return nil
		}
	}
	must(t, hdfsio.Walk(ctx, fsys, dir, walk("", nil)))
	if w := []string{"a", "b/", "b/1/", "b/1/x", "b/2", "c"}; !slices.Equal(seen, w) {
		t.Errorf("walked %q, want %q", seen, w)
	}
	must(t, hdfsio.Walk(ctx, fsys, dir, walk("b/1/", fs.SkipDir)))
	if w := []string{"a", "b/", "b/1/", "b/2", "c"}; !slices.Equal(seen, w) {
		t.Errorf("walked %q, want %q", seen, w)
	}
	must(t, hdfsio.Walk(ctx, fsys, dir, walk("b/1/x", fs.SkipAll)))
	if w := []string{"a", "b/", "b/1/", "b/1/x"}; !slices.Equal(seen, w) {
		t.Errorf("walked %q, want %q", seen, w)
	}
	mine := errors.New("mine")
	want(t, hdfsio.Walk(ctx, fsys, dir, walk("b/2", mine)), mine)
}
