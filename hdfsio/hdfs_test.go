package hdfsio_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/colinmarc/hdfs/v2"

	"howdah/hdfsio"
	"howdah/internal/hadooptest"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// random is n bytes that are unlike each other, the same ones always.
func random(n int) []byte {
	b := make([]byte, n)
	x := uint64(88172645463325252)
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x)
	}
	return b
}

// raw returns the names in a directory as HDFS has them, temporary files too.
func raw(t *testing.T, addr, dir string) []string {
	t.Helper()
	c, err := hdfs.New(addr)
	must(t, err)
	defer c.Close()
	infos, err := c.ReadDir(dir)
	must(t, err)
	var names []string
	for _, i := range infos {
		names = append(names, i.Name())
	}
	return names
}

// TestNameNodeRestart restarts the NameNode under readers, writers and claims: each call is late, and none fails.
func TestNameNodeRestart(t *testing.T) {
	t.Parallel()
	c := hadooptest.Start(t, hadooptest.Options{BlockSize: 1 << 20})
	fsys, dir := on(t, c, hdfsio.Options{})
	ctx := t.Context()
	content := random(2<<20 + 5)
	must(t, hdfsio.WriteFile(ctx, fsys, dir+"/before", content))
	w, err := fsys.Create(ctx, dir+"/during")
	must(t, err)
	defer w.Abort()
	_, err = w.Write(content)
	must(t, err)

	must(t, c.KillNameNode())
	var group sync.WaitGroup
	var claimed []int
	var mu sync.Mutex
	for i := range 4 {
		group.Go(func() {
			err := fsys.Claim(ctx, dir+"/claim", fmt.Append(nil, "owner ", i))
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				claimed = append(claimed, i)
			} else if !errors.Is(err, fs.ErrExist) {
				t.Errorf("claim: %v", err)
			}
		})
	}
	group.Go(func() {
		b, err := hdfsio.ReadFile(ctx, fsys, dir+"/before")
		if err != nil || !bytes.Equal(b, content) {
			t.Errorf("read: %v, same: %v", err, bytes.Equal(b, content))
		}
	})
	group.Go(func() {
		if err := hdfsio.WriteFile(ctx, fsys, dir+"/new/file", content); err != nil {
			t.Errorf("write: %v", err)
		}
	})
	group.Go(func() {
		if err := w.Commit(); err != nil {
			t.Errorf("commit: %v", err)
		}
	})
	time.Sleep(3 * time.Second)
	must(t, c.StartNameNode())
	group.Wait()
	if len(claimed) != 1 {
		t.Errorf("the claim has %d owners", len(claimed))
	}
	for _, n := range []string{"during", "new/file"} {
		b, err := hdfsio.ReadFile(ctx, fsys, dir+"/"+n)
		if err != nil || !bytes.Equal(b, content) {
			t.Errorf("%s: %v, same: %v", n, err, bytes.Equal(b, content))
		}
	}
	must(t, fsys.Remove(ctx, dir+"/before"))
}

// TestDataNodes kills a DataNode under a writer and stops another one's clock under a reader.
func TestDataNodes(t *testing.T) {
	t.Parallel()
	c := hadooptest.Start(t, hadooptest.Options{DataNodes: 3, BlockSize: 1 << 20})
	fsys, dir := on(t, c, hdfsio.Options{Timeout: 3 * time.Second})
	ctx := t.Context()
	content := random(5<<20 + 321)

	// Erasure coding is refused before anything is written wrongly.
	must(t, c.Tool("org.apache.hadoop.hdfs.tools.ECAdmin", "-enablePolicy", "-policy", "XOR-2-1-1024k"))
	must(t, hdfsio.WriteFile(ctx, fsys, dir+"/coded/x/y", []byte("x")))
	must(t, c.Tool("org.apache.hadoop.hdfs.tools.ECAdmin", "-setPolicy", "-path", dir+"/coded", "-policy", "XOR-2-1-1024k"))
	if err := hdfsio.WriteFile(ctx, fsys, dir+"/coded/new", content); err == nil || !strings.Contains(err.Error(), "erasure-coded (XOR-2-1-1024k)") {
		t.Errorf("a write into an erasure-coded directory: %v", err)
	}
	if got := raw(t, c.NameNode(0), dir+"/coded"); len(got) != 1 {
		t.Errorf("the refused write left %q", got)
	}

	// Several writers, half way through their files when a DataNode dies.
	const writers = 4
	half := make(chan struct{}, writers)
	killed := make(chan struct{})
	var group sync.WaitGroup
	for i := range writers {
		group.Go(func() {
			w, err := fsys.Create(ctx, fmt.Sprintf("%s/killed/%d", dir, i))
			if err != nil {
				t.Error(err)
				half <- struct{}{}
				return
			}
			defer w.Abort()
			_, err = w.Write(content[:3<<20])
			half <- struct{}{}
			<-killed
			for b := content[3<<20:]; len(b) > 0 && err == nil; {
				n := min(len(b), 100_000)
				_, err = w.Write(b[:n])
				b = b[n:]
			}
			if err == nil {
				err = w.Commit()
			}
			if err != nil {
				t.Errorf("writer %d: %v", i, err)
			}
		})
	}
	for range writers {
		<-half
	}
	must(t, c.KillDataNode(0))
	close(killed)
	group.Wait()
	for i := range writers {
		b, err := hdfsio.ReadFile(ctx, fsys, fmt.Sprintf("%s/killed/%d", dir, i))
		if err != nil || !bytes.Equal(b, content) {
			t.Errorf("file %d: %v, same: %v", i, err, bytes.Equal(b, content))
		}
	}
	if got := raw(t, c.NameNode(0), dir+"/killed"); len(got) != writers {
		t.Errorf("the directory holds %q", got)
	}

	// A DataNode that hangs: its connections are open and nobody answers. Both live ones have every block by now, or one of them.
	must(t, c.StartDataNode(0))
	must(t, c.WaitReady(3))
	must(t, c.PauseDataNode(1))
	began := time.Now()
	b, err := hdfsio.ReadFile(ctx, fsys, dir+"/killed/0")
	if err != nil || !bytes.Equal(b, content) {
		t.Errorf("read with a hanging DataNode: %v, same: %v", err, bytes.Equal(b, content))
	}
	t.Logf("read with a hanging DataNode took %v", time.Since(began))
	must(t, hdfsio.WriteFile(ctx, fsys, dir+"/beside", content))
	t.Logf("and a write %v", time.Since(began))
	must(t, c.ResumeDataNode(1))
}

// TestAllDataNodesHang: where nobody answers, a read and a write end with an error in time, and a cancelled context ends them at once.
func TestAllDataNodesHang(t *testing.T) {
	t.Parallel()
	c := hadooptest.Start(t, hadooptest.Options{})
	fsys, dir := on(t, c, hdfsio.Options{Timeout: time.Second, Retry: 4 * time.Second})
	ctx := t.Context()
	must(t, hdfsio.WriteFile(ctx, fsys, dir+"/file", random(100_000)))
	must(t, c.PauseDataNode(0))
	began := time.Now()
	_, err := hdfsio.ReadFile(ctx, fsys, dir+"/file")
	if err == nil || !strings.Contains(err.Error(), "no answer from 127.0.0.1:") {
		t.Errorf("read: %v", err)
	}
	err = hdfsio.WriteFile(ctx, fsys, dir+"/new", random(100_000))
	if err == nil || !strings.Contains(err.Error(), "no answer from 127.0.0.1:") {
		t.Errorf("write: %v", err)
	}
	if d := time.Since(began); d > 30*time.Second {
		t.Errorf("giving up took %v", d)
	}
	patient, dir2 := on(t, c, hdfsio.Options{Timeout: time.Minute, Retry: time.Minute})
	short, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	began = time.Now()
	_, err = hdfsio.ReadFile(short, patient, dir2+"/file")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("read: %v, want that the context ended", err)
	}
	if d := time.Since(began); d > 3*time.Second {
		t.Errorf("the context's end was noticed after %v", d)
	}
	must(t, c.ResumeDataNode(0))
	must(t, hdfsio.WriteFile(ctx, fsys, dir+"/new", random(100_000)))
}

// TestFailover moves the active NameNode, politely and by killing it, under a client that reaches the cluster by its name service.
func TestFailover(t *testing.T) {
	t.Parallel()
	c := hadooptest.Start(t, hadooptest.Options{HA: true})
	fsys, dir := on(t, c, hdfsio.Options{})
	ctx := t.Context()
	step := func(name string) {
		t.Helper()
		began := time.Now()
		must(t, hdfsio.WriteFile(ctx, fsys, dir+"/"+name, []byte(name)))
		must(t, fsys.Claim(ctx, dir+"/claim-"+name, []byte(name)))
		infos, err := fsys.List(ctx, dir)
		must(t, err)
		b, err := hdfsio.ReadFile(ctx, fsys, dir+"/"+name)
		must(t, err)
		if string(b) != name {
			t.Errorf("read %q, want %q", b, name)
		}
		t.Logf("%s: %d files, %v", name, len(infos), time.Since(began))
	}
	step("first")
	w, err := fsys.Create(ctx, dir+"/across")
	must(t, err)
	defer w.Abort()
	_, err = w.Write(random(500_000))
	must(t, err)
	must(t, c.Failover())
	must(t, w.Commit())
	step("second")
	must(t, c.KillNameNode())
	done := make(chan error)
	go func() { done <- c.Failover() }()
	step("third")
	must(t, <-done)
	b, err := hdfsio.ReadFile(ctx, fsys, dir+"/across")
	if err != nil || !bytes.Equal(b, random(500_000)) {
		t.Errorf("the file written across a failover: %v", err)
	}
}

// lossy is a proxy to a NameNode that loses the answer to one call: it passes the call on and then cuts the connection.
type lossy struct {
	net.Listener
	target string

	mu   sync.Mutex
	lose []string // methods whose next answer is lost
	lost int
}

func newLossy(t *testing.T, target string) *lossy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	p := &lossy{Listener: l, target: target}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(c)
		}
	}()
	return p
}

func (p *lossy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer server.Close()
	var deaf sync.Mutex
	go func() {
		b := make([]byte, 64<<10)
		for {
			n, err := server.Read(b)
			deaf.Lock()
			if err == nil {
				_, err = client.Write(b[:n])
			}
			deaf.Unlock()
			if err != nil {
				client.Close()
				return
			}
		}
	}()
	b := make([]byte, 64<<10)
	for {
		n, err := client.Read(b)
		if err != nil {
			return
		}
		p.mu.Lock()
		hit := len(p.lose) > 0 && bytes.Contains(b[:n], append([]byte{byte(len(p.lose[0]))}, p.lose[0]...))
		if hit {
			p.lose = p.lose[1:]
			p.lost++
		}
		p.mu.Unlock()
		if hit {
			deaf.Lock() // for good
			server.Write(b[:n])
			time.Sleep(300 * time.Millisecond)
			return
		}
		if _, err := server.Write(b[:n]); err != nil {
			return
		}
	}
}

func (p *lossy) next(methods ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lose, p.lost = methods, 0
}

// TestLostAnswers loses the NameNode's answer to each of the calls that change something. What was done must be found out.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	c := hadooptest.Shared(t)
	direct, dir := on(t, c, hdfsio.Options{})
	must(t, hdfsio.WriteFile(t.Context(), direct, dir+"/taken", []byte("you")))
	lose := func(what string, methods []string, do func(t *testing.T, fsys hdfsio.FS, name string)) {
		t.Run(what+"/"+strings.Join(methods, "+"), func(t *testing.T) {
			t.Parallel()
			p := newLossy(t, c.NameNode(0))
			fsys, _, err := hdfsio.Resolve(t.Context(), "hdfs://"+p.Addr().String()+"/", hdfsio.Options{Timeout: 10 * time.Second, Getenv: environment()})
			must(t, err)
			_, err = fsys.Stat(t.Context(), dir)
			must(t, err)
			p.next(methods...)
			name := dir + "/" + what + "-" + strings.Join(methods, "+") + "/file"
			do(t, fsys, name)
			p.mu.Lock()
			defer p.mu.Unlock()
			if p.lost != len(methods) {
				t.Errorf("%d answers were lost, want %d", p.lost, len(methods))
			}
			if ok, _ := hdfsio.Exists(t.Context(), direct, path.Dir(name)); !ok {
				return
			}
			for _, n := range raw(t, c.NameNode(0), path.Dir(name)) {
				if n != "file" {
					t.Errorf("%s was left behind", n)
				}
			}
		})
	}
	for _, methods := range [][]string{{"create"}, {"addBlock"}, {"updateBlockForPipeline"}, {"complete"}, {"rename2"}, {"create", "create"}, {"getFileInfo"}, {"mkdirs"}} {
		lose("write", methods, func(t *testing.T, fsys hdfsio.FS, name string) {
			must(t, hdfsio.WriteFile(t.Context(), fsys, name, []byte(name)))
			b, err := hdfsio.ReadFile(t.Context(), direct, name)
			if err != nil || string(b) != name {
				t.Errorf("read back: %q, %v", b, err)
			}
		})
	}
	for _, methods := range [][]string{{"create"}, {"create", "create"}, {"addBlock"}, {"updateBlockForPipeline"}, {"complete"}, {"mkdirs"}} {
		lose("claim", methods, func(t *testing.T, fsys hdfsio.FS, name string) {
			if methods[0] == "create" {
				// The first create finds no directory, so that the one that counts is lost too.
				must(t, hdfsio.WriteFile(t.Context(), direct, path.Dir(name)+"/x", nil))
				must(t, direct.Remove(t.Context(), path.Dir(name)+"/x"))
			}
			must(t, fsys.Claim(t.Context(), name, []byte("me")))
			b, err := hdfsio.ReadFile(t.Context(), direct, name)
			if err != nil || string(b) != "me" {
				t.Errorf("read back: %q, %v", b, err)
			}
			if err := direct.Claim(t.Context(), name, []byte("you")); !errors.Is(err, fs.ErrExist) {
				t.Errorf("claimed again: %v", err)
			}
		})
	}
	lose("taken", []string{"create"}, func(t *testing.T, fsys hdfsio.FS, _ string) {
		if err := fsys.Claim(t.Context(), dir+"/taken", []byte("me")); !errors.Is(err, fs.ErrExist) {
			t.Errorf("another's claim: %v, want an error that is fs.ErrExist", err)
		}
	})
	lose("remove", []string{"delete"}, func(t *testing.T, fsys hdfsio.FS, name string) {
		must(t, hdfsio.WriteFile(t.Context(), direct, name, []byte("x")))
		must(t, fsys.Remove(t.Context(), name))
		if ok, err := hdfsio.Exists(t.Context(), direct, name); ok || err != nil {
			t.Errorf("after the removal: %v, %v", ok, err)
		}
	})
}

// TestPermission: who may not write is told whose the directory is.
func TestPermission(t *testing.T) {
	t.Parallel()
	root, dir := shared(t, hdfsio.Options{})
	ctx := t.Context()
	must(t, hdfsio.WriteFile(ctx, root, dir+"/closed/file", []byte("x")))
	mallory, _ := shared(t, hdfsio.Options{User: "mallory"})
	for what, err := range map[string]error{
		"write":   hdfsio.WriteFile(ctx, mallory, dir+"/closed/new", []byte("x")),
		"deeper":  hdfsio.WriteFile(ctx, mallory, dir+"/closed/a/b/new", []byte("x")),
		"replace": hdfsio.WriteFile(ctx, mallory, dir+"/closed/file", []byte("x")),
		"claim":   mallory.Claim(ctx, dir+"/closed/claim", []byte("x")),
		"remove":  mallory.Remove(ctx, dir+"/closed/file"),
	} {
		if !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%s: %v, want an error that is fs.ErrPermission", what, err)
			continue
		}
		for _, part := range []string{dir + "/closed", "user mallory may not", "supergroup with mode rw", "set HADOOP_USER_NAME"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %v\nwant it to say: %s", what, err, part)
			}
		}
	}
	b, err := hdfsio.ReadFile(ctx, mallory, dir+"/closed/file")
	if string(b) != "x" || err != nil {
		t.Errorf("reading is allowed: %q, %v", b, err)
	}
}

// TestUnreachable: each way of not reaching a cluster ends in time and says what to do.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	closed.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and says nothing
	must(t, err)
	t.Cleanup(func() { silent.Close() })
	web, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { web.Close() })
	go func() {
		for {
			c, err := web.Accept()
			if err != nil {
				return
			}
			c.Write([]byte("HTTP/1.1 404 Not Found\r\n\r\n"))
		}
	}()
	for _, c := range []struct{ addr, want string }{
		{closed.Addr().String(), "connection refused"},
		{closed.Addr().String(), "nothing listens at " + closed.Addr().String() + ": check host and port"},
		{silent.Addr().String(), "no answer from " + silent.Addr().String()},
		{web.Addr().String(), "this is a web port; write the NameNode's RPC port"},
		{"no-such-host.invalid:8020", "no-such-host.invalid"},
	} {
		t.Run(c.addr, func(t *testing.T) {
			t.Parallel()
			fsys, name, err := hdfsio.Resolve(t.Context(), "hdfs://"+c.addr+"/d/file", hdfsio.Options{Timeout: time.Second, Retry: 3 * time.Second, Getenv: environment()})
			must(t, err)
			began := time.Now()
			for what, err := range map[string]error{
				"stat":  func() error { _, err := fsys.Stat(t.Context(), name); return err }(),
				"claim": fsys.Claim(t.Context(), name, []byte("x")),
			} {
				if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "hdfs://"+c.addr+"/d/file") {
					t.Errorf("%s: %v\nwant it to say: %s", what, err, c.want)
				}
			}
			if d := time.Since(began); d > 20*time.Second {
				t.Errorf("giving up took %v", d)
			}
		})
	}
}

// TestAbortLeavesNothing: an aborted writer ends the library's goroutines, though it is in the middle of a block, and removes its file.
// Not parallel: it counts goroutines.
func TestAbortLeavesNothing(t *testing.T) {
	c := hadooptest.Shared(t)
	fsys, dir := on(t, c, hdfsio.Options{})
	for i := range 8 {
		w, err := fsys.Create(t.Context(), fmt.Sprintf("%s/%d", dir, i))
		must(t, err)
		_, err = w.Write(random(200_000 + i*300_000))
		must(t, err)
		must(t, w.Abort())
	}
	if got := raw(t, c.NameNode(0), dir); len(got) != 0 {
		t.Errorf("left behind: %q", got)
	}
	var stacks string
	for range 50 {
		b := make([]byte, 1<<20)
		stacks = string(b[:runtime.Stack(b, true)])
		if !strings.Contains(stacks, "transfer.(*blockWriteStream)") {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("goroutines of aborted writers are still there:\n%s", stacks)
}

// BenchmarkHDFS writes and reads a file of 64 MiB.
func BenchmarkHDFS(b *testing.B) {
	c := hadooptest.Start(b, hadooptest.Options{})
	fsys, dir, err := hdfsio.Resolve(b.Context(), c.URI()+"/bench", hdfsio.Options{ConfDir: c.ConfDir()})
	if err != nil {
		b.Fatal(err)
	}
	content := random(64 << 20)
	b.Run("write", func(b *testing.B) {
		b.SetBytes(int64(len(content)))
		for b.Loop() {
			if err := hdfsio.WriteFile(b.Context(), fsys, dir+"/file", content); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("read", func(b *testing.B) {
		b.SetBytes(int64(len(content)))
		for b.Loop() {
			if _, err := hdfsio.ReadFile(b.Context(), fsys, dir+"/file"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("ReadAt/1MiB", func(b *testing.B) {
		f, err := fsys.Open(b.Context(), dir+"/file")
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		buf := make([]byte, 1<<20)
		b.SetBytes(1 << 20)
		for i := 0; b.Loop(); i++ {
			if _, err := f.ReadAt(buf, int64(i*37%64)<<20); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("small", func(b *testing.B) {
		for b.Loop() {
			if err := hdfsio.WriteFile(b.Context(), fsys, dir+"/progress.json", content[:4096]); err != nil {
				b.Fatal(err)
			}
		}
	})
}
