// Package hadooptest starts real Hadoop daemons for tests: NameNodes, DataNodes and a JournalNode, each a JVM of its own on loopback.
//
//	c := hadooptest.Start(t, hadooptest.Options{DataNodes: 2})
//	fsys, dir, err := hdfsio.Resolve(ctx, c.URI()+"/test", hdfsio.Options{ConfDir: c.ConfDir()})
//
// Ports are free ones, data lies in a temporary directory, and everything ends with the test process, even if that is killed. The
// jars come from Maven once (fetch.sh) and stay in HOWDAH_HADOOP_LIB or the user's cache. Where Java, Maven or the jars are missing,
// the test is skipped with the reason; where CI=true, it fails.
//
// Invariant: ends only processes that it started, by their id; waits for nothing without a limit.
package hadooptest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Options describes a cluster. The zero value is one NameNode and one DataNode.
type Options struct {
	DataNodes   int   // default 1
	Replication int   // default 2 where there are two DataNodes or more
	BlockSize   int64 // bytes; default Hadoop's 128 MiB; at least 1 MiB
	// HA: two NameNodes under a name service, with a JournalNode. The first is active; Failover changes that.
	HA bool
	// Properties are added to hdfs-site.xml.
	Properties map[string]string
}

// Cluster is a running HDFS.
type Cluster struct {
	opts Options
	dir  string // everything it writes
	conf string
	jars string
	java string

	names   []nameNode
	journal string // the JournalNode's address
	reaper  *os.File

	mu      sync.Mutex
	daemons map[string]*daemon
	active  int // the index of the active NameNode
	stopped bool
}

type nameNode struct{ rpc, http string } // addresses

const (
	nameService  = "lab"
	startLimit   = 90 * time.Second // until a daemon is up; 2 s on an idle machine
	commandLimit = 60 * time.Second
)

// Start starts a cluster and stops it when the test ends.
func Start(t testing.TB, opts Options) *Cluster {
	t.Helper()
	c := start(t, opts)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("hadoop: %s", c.problems())
		}
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	return c
}

var shared struct {
	sync.Mutex
	cluster *Cluster
	err     error
}

// Shared returns a cluster of one NameNode and one DataNode that all tests of the process share; it ends with the process. Do not
// break it: a test that kills daemons starts its own. Give each test a directory of its own.
func Shared(t testing.TB) *Cluster {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.err != nil {
		t.Fatalf("hadoop: the shared cluster did not start: %v", shared.err)
	}
	if shared.cluster == nil {
		requirements(t)
		c, err := open(t.Logf, Options{BlockSize: 1 << 20})
		if err != nil {
			shared.err = err
			t.Fatalf("hadoop: %v", err)
		}
		shared.cluster = c
	}
	return shared.cluster
}

func start(t testing.TB, opts Options) *Cluster {
	t.Helper()
	requirements(t)
	c, err := open(t.Logf, opts)
	if err != nil {
		t.Fatalf("hadoop: %v", err)
	}
	return c
}

// requirements skips the test where Hadoop cannot run, and fails it where CI promises that it can.
func requirements(t testing.TB) {
	t.Helper()
	_, err := javaCommand()
	if err == nil {
		_, err = jars()
	}
	if err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("hadoop: %v (CI=true, so this is a failure)", err)
	}
	t.Skipf("hadoop: %v", err)
}

func open(logf func(string, ...any), opts Options) (_ *Cluster, err error) {
	began := time.Now()
	if opts.DataNodes <= 0 {
		opts.DataNodes = 1
	}
	if opts.Replication <= 0 {
		opts.Replication = min(2, opts.DataNodes)
	}
	dir, err := os.MkdirTemp("", "howdah-hadoop-")
	if err != nil {
		return nil, err
	}
	reaper, err := reap(dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	c := &Cluster{opts: opts, dir: dir, conf: filepath.Join(dir, "conf"), reaper: reaper, daemons: map[string]*daemon{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Stop())
		}
	}()
	c.java, _ = javaCommand() // requirements has seen that both are there
	c.jars, _ = jars()
	nameNodes := 1
	if opts.HA {
		nameNodes = 2
	}
	for range nameNodes {
		var nn nameNode
		if nn.rpc, err = freeAddress(); err != nil {
			return nil, err
		}
		if nn.http, err = freeAddress(); err != nil {
			return nil, err
		}
		c.names = append(c.names, nn)
	}
	if opts.HA {
		if c.journal, err = freeAddress(); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "log"), 0o755); err != nil {
		return nil, err
	}
	if err := c.configure(); err != nil {
		return nil, err
	}
	if err := c.startAll(); err != nil {
		return nil, err
	}
	logf("hadoop: %d NameNode(s) and %d DataNode(s) up in %.1f s at %s", len(c.names), opts.DataNodes, time.Since(began).Seconds(), c.URI())
	return c, nil
}

func (c *Cluster) startAll() error {
	if c.opts.HA {
		if err := c.daemon("journal", "192m", "org.apache.hadoop.hdfs.qjournal.server.JournalNode"); err != nil {
			return err
		}
		if err := c.waitPort("journal", c.journal); err != nil {
			return err
		}
	}
	// DataNodes come up while the name directory is formatted: they wait for the NameNode.
	for i := range c.opts.DataNodes {
		if err := c.StartDataNode(i); err != nil {
			return err
		}
	}
	nnClass := "org.apache.hadoop.hdfs.server.namenode.NameNode"
	if err := c.command(c.nameArgs(0, nnClass, "-format", "-nonInteractive", "-force", "-clusterId", "CID-howdah")...); err != nil {
		return err
	}
	if err := c.startNameNode(0); err != nil {
		return err
	}
	if c.opts.HA {
		if err := c.command(c.nameArgs(1, nnClass, "-bootstrapStandby", "-nonInteractive", "-force")...); err != nil {
			return err
		}
		if err := c.startNameNode(1); err != nil {
			return err
		}
		if err := c.haAdmin("-transitionToActive", "nn1"); err != nil {
			return err
		}
	}
	return c.WaitReady(c.opts.DataNodes)
}

func (c *Cluster) nameArgs(i int, class string, args ...string) []string {
	a := []string{"org.apache.hadoop.hdfs.server.namenode.NameNode"}
	if class != a[0] {
		a[0] = class
	}
	if c.opts.HA {
		a = append(a, fmt.Sprintf("-Ddfs.ha.namenode.id=nn%d", i+1))
	}
	return append(a, args...)
}

func (c *Cluster) startNameNode(i int) error {
	name := fmt.Sprintf("name%d", i+1)
	args := c.nameArgs(i, "org.apache.hadoop.hdfs.server.namenode.NameNode")
	if err := c.daemon(name, "384m", args...); err != nil {
		return err
	}
	return c.waitPort(name, c.names[i].rpc)
}

// URI returns the file system's address: hdfs://127.0.0.1:port, or hdfs://lab where there are two NameNodes.
func (c *Cluster) URI() string {
	if c.opts.HA {
		return "hdfs://" + nameService
	}
	return "hdfs://" + c.names[0].rpc
}

// NameNode returns host:port of the i-th NameNode, from 0.
func (c *Cluster) NameNode(i int) string { return c.names[i].rpc }

// ConfDir returns the configuration directory, for HADOOP_CONF_DIR.
func (c *Cluster) ConfDir() string { return c.conf }

// KillDataNode kills the i-th DataNode, from 0, as a power cut would.
func (c *Cluster) KillDataNode(i int) error { return c.kill(dataName(i)) }

// StartDataNode starts the i-th DataNode, with the data that it had. WaitReady tells when it serves.
func (c *Cluster) StartDataNode(i int) error {
	return c.daemon(dataName(i), "256m", "org.apache.hadoop.hdfs.server.datanode.DataNode",
		"-Ddfs.datanode.data.dir=file://"+filepath.Join(c.dir, dataName(i)),
		"-Ddfs.datanode.address="+loopback+":0", "-Ddfs.datanode.http.address="+loopback+":0", "-Ddfs.datanode.ipc.address="+loopback+":0",
		"-Dipc.client.connect.max.retries=300") // it may start before the NameNode, and waits for it
}

// PauseDataNode stops the i-th DataNode's clock: its connections stay open and nothing answers. ResumeDataNode lets it go on.
func (c *Cluster) PauseDataNode(i int) error { return c.signal(dataName(i), syscall.SIGSTOP) }

// ResumeDataNode lets a paused DataNode go on.
func (c *Cluster) ResumeDataNode(i int) error { return c.signal(dataName(i), syscall.SIGCONT) }

func dataName(i int) string { return fmt.Sprintf("data%d", i+1) }

// KillNameNode kills the active NameNode.
func (c *Cluster) KillNameNode() error {
	c.mu.Lock()
	i := c.active
	c.mu.Unlock()
	return c.kill(fmt.Sprintf("name%d", i+1))
}

// StartNameNode starts a NameNode that was killed and waits until it serves; of two, the active one stays active.
func (c *Cluster) StartNameNode() error {
	c.mu.Lock()
	i := c.active
	c.mu.Unlock()
	if err := c.startNameNode(i); err != nil {
		return err
	}
	if c.opts.HA {
		if err := c.haAdmin("-transitionToActive", fmt.Sprintf("nn%d", i+1)); err != nil {
			return err
		}
	}
	return c.WaitReady(1)
}

// RestartNameNode kills the active NameNode, starts it again and waits until it serves.
func (c *Cluster) RestartNameNode() error {
	if err := c.KillNameNode(); err != nil {
		return err
	}
	return c.StartNameNode()
}

// Failover makes the other NameNode the active one.
func (c *Cluster) Failover() error {
	if !c.opts.HA {
		return errors.New("hadooptest: one NameNode only; start the cluster with HA")
	}
	c.mu.Lock()
	from := c.active
	c.mu.Unlock()
	to := 1 - from
	c.mu.Lock()
	alive := c.daemons[fmt.Sprintf("name%d", from+1)] != nil
	c.mu.Unlock()
	if alive {
		if err := c.haAdmin("-transitionToStandby", fmt.Sprintf("nn%d", from+1)); err != nil {
			return err
		}
	}
	args := []string{"-transitionToActive", fmt.Sprintf("nn%d", to+1)}
	if !alive {
		args = []string{args[0], "--forceactive", args[1]} // it asks the other one first, and that one is dead
	}
	if err := c.haAdmin(args...); err != nil {
		return err
	}
	c.mu.Lock()
	c.active = to
	c.mu.Unlock()
	return c.WaitReady(1)
}

// WaitReady waits until the active NameNode has left safe mode and counts at least live DataNodes.
func (c *Cluster) WaitReady(live int) error {
	last := errors.New("not asked yet")
	return c.wait("HDFS to be ready", func() (bool, error) {
		c.mu.Lock()
		addr := c.names[c.active].http
		c.mu.Unlock()
		n, safe, err := nameNodeState(addr)
		if err != nil {
			last = err
			return false, last
		}
		last = fmt.Errorf("%d DataNodes live of %d, safe mode: %q", n, live, safe)
		return n >= live && safe == "", last
	})
}

func nameNodeState(addr string) (live int, safeMode string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", "http://"+addr+"/jmx?qry=Hadoop:service=NameNode,name=*", nil)
	if err != nil {
		return 0, "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	var beans struct {
		Beans []struct {
			Name     string  `json:"name"`
			Live     *int    `json:"NumLiveDataNodes"`
			SafeMode *string `json:"Safemode"`
		} `json:"beans"`
	}
	b, err := io.ReadAll(resp.Body)
	if err == nil {
		err = json.Unmarshal(b, &beans)
	}
	if err != nil {
		return 0, "", err
	}
	live, safeMode = -1, "unknown"
	for _, bean := range beans.Beans {
		switch {
		case strings.HasSuffix(bean.Name, "name=FSNamesystemState") && bean.Live != nil:
			live = *bean.Live
		case strings.HasSuffix(bean.Name, "name=NameNodeInfo") && bean.SafeMode != nil:
			safeMode = *bean.SafeMode
		}
	}
	return live, safeMode, nil
}

// Stop ends all daemons and removes what they wrote. Stopping twice is harmless.
func (c *Cluster) Stop() error {
	c.mu.Lock()
	if c.stopped {
		c.mu.Unlock()
		return nil
	}
	c.stopped = true
	daemons := c.daemons
	c.daemons = map[string]*daemon{}
	c.mu.Unlock()
	var errs []error
	for _, d := range daemons {
		errs = append(errs, d.kill())
	}
	errs = append(errs, os.RemoveAll(c.dir))
	c.reaper.Close()
	return errors.Join(errs...)
}

// Logs returns the directory with the daemons' logs.
func (c *Cluster) Logs() string { return filepath.Join(c.dir, "log") }

// problems quotes the last errors from the daemons' logs, for a failed test.
func (c *Cluster) problems() string {
	var b strings.Builder
	logs, _ := filepath.Glob(filepath.Join(c.Logs(), "*.log"))
	for _, log := range logs {
		content, _ := os.ReadFile(log)
		var lines []string
		for line := range strings.Lines(string(content)) {
			if strings.Contains(line, " ERROR ") || strings.Contains(line, " FATAL ") {
				lines = append(lines, line)
			}
		}
		if n := len(lines); n > 0 {
			fmt.Fprintf(&b, "%s:\n%s\n", filepath.Base(log), strings.Join(lines[max(0, n-4):], ""))
		}
	}
	if b.Len() == 0 {
		return "no errors in the daemons' logs"
	}
	return b.String()
}

// javaArgs is the command line of any of Hadoop's classes: args[0] is the class.
func (c *Cluster) javaArgs(heap string, args ...string) []string {
	return append([]string{
		"-Xmx" + heap, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xss512k", "-XX:-UsePerfData",
		"-Djava.net.preferIPv4Stack=true", "-Dfile.encoding=UTF-8",
		"--add-opens=java.base/java.lang=ALL-UNNAMED", "--add-opens=java.base/java.util=ALL-UNNAMED",
		"--add-exports=java.base/sun.net.dns=ALL-UNNAMED", "--add-exports=java.base/sun.net.util=ALL-UNNAMED",
		"-Dhadoop.log.dir=" + c.Logs(), "-Dhadoop.id.str=howdah",
		"-cp", c.conf + string(os.PathListSeparator) + filepath.Join(c.jars, "*"),
	}, args...)
}

func (c *Cluster) javaCmd(ctx context.Context, heap string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.java, c.javaArgs(heap, args...)...)
	cmd.Dir = c.dir
	for _, e := range os.Environ() {
		// The daemons run as whoever runs the test, who is then the file system's superuser.
		if !strings.HasPrefix(e, "HADOOP_") {
			cmd.Env = append(cmd.Env, e)
		}
	}
	return cmd
}

func (c *Cluster) daemon(name, heap string, args ...string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d := c.daemons[name]; d != nil && d.running() {
		return fmt.Errorf("hadooptest: %s is running already", name)
	}
	d, err := startDaemon(name, filepath.Join(c.Logs(), name+".log"), c.javaCmd(context.Background(), heap, args...))
	if err != nil {
		return err
	}
	if !diesWithUs {
		fmt.Fprintln(c.reaper, d.cmd.Process.Pid)
	}
	c.daemons[name] = d
	return nil
}

// command runs one of Hadoop's tools to its end.
func (c *Cluster) command(args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), commandLimit)
	defer cancel()
	out, err := c.javaCmd(ctx, "256m", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, tail(string(out), 1500))
	}
	return nil
}

// Tool runs one of Hadoop's command line tools, by its class: Tool("org.apache.hadoop.fs.FsShell", "-ls", "/").
func (c *Cluster) Tool(class string, args ...string) error {
	return c.command(append([]string{class}, args...)...)
}

func (c *Cluster) haAdmin(args ...string) error {
	return c.wait("haadmin "+strings.Join(args, " "), func() (bool, error) {
		err := c.command(append([]string{"org.apache.hadoop.hdfs.tools.DFSHAAdmin", "-Dipc.client.connect.max.retries=2"}, args...)...)
		return err == nil, err
	})
}

func (c *Cluster) kill(name string) error {
	c.mu.Lock()
	d := c.daemons[name]
	delete(c.daemons, name)
	c.mu.Unlock()
	if d == nil {
		return fmt.Errorf("hadooptest: %s is not running", name)
	}
	return d.kill()
}

func (c *Cluster) signal(name string, s syscall.Signal) error {
	c.mu.Lock()
	d := c.daemons[name]
	c.mu.Unlock()
	if d == nil {
		return fmt.Errorf("hadooptest: %s is not running", name)
	}
	return d.signal(s)
}

func (c *Cluster) waitPort(name, addr string) error {
	return c.wait(name+" at "+addr, func() (bool, error) {
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err != nil {
			return false, err
		}
		conn.Close()
		return true, nil
	})
}

// wait asks until done, and gives up at the limit or as soon as one of the daemons has ended.
func (c *Cluster) wait(what string, done func() (bool, error)) error {
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		ok, err := done()
		if ok {
			return nil
		}
		c.mu.Lock()
		for _, d := range c.daemons {
			if !d.running() {
				c.mu.Unlock()
				return fmt.Errorf("waiting for %s: %w", what, d.failure())
			}
		}
		stopped := c.stopped
		c.mu.Unlock()
		if stopped {
			return errors.New("hadooptest: the cluster was stopped")
		}
		if time.Since(began) > startLimit {
			return fmt.Errorf("waited %v for %s: %w", startLimit, what, err)
		}
	}
}
