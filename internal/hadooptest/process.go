package hadooptest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// A daemon is one process that this package started. It ends when it is told to, and when the test process ends, however that ends.
type daemon struct {
	name string
	cmd  *exec.Cmd
	log  string // its output

	exited chan struct{} // closed when it is gone
	err    error         // how it ended; valid once exited is closed
}

// spawner starts processes from one thread that never ends: on Linux a child's parent-death signal is sent when the *thread* that
// started it ends, not the process.
var spawner = sync.OnceValue(func() chan<- func() {
	calls := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range calls {
			f()
		}
	}()
	return calls
})

func startDaemon(name, log string, cmd *exec.Cmd) (*daemon, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = ownGroup()
	started := make(chan error)
	spawner() <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	d := &daemon{name: name, cmd: cmd, log: log, exited: make(chan struct{})}
	go func() {
		d.err = cmd.Wait()
		close(d.exited)
	}()
	return d, nil
}

func (d *daemon) running() bool {
	select {
	case <-d.exited:
		return false
	default:
		return true
	}
}

// failure describes a daemon that ended when it should not have, with the end of its output.
func (d *daemon) failure() error {
	b, _ := os.ReadFile(d.log)
	return fmt.Errorf("%s ended (%v); its log %s ends: %s", d.name, d.err, d.log, tail(string(b), 1500))
}

// signal sends a signal to the daemon's own process id.
func (d *daemon) signal(s syscall.Signal) error {
	if !d.running() {
		return nil
	}
	err := d.cmd.Process.Signal(s)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// kill ends the daemon at once, as a power cut would, and waits until it is gone: a successor would die of a port still held.
func (d *daemon) kill() error {
	if err := d.signal(syscall.SIGKILL); err != nil {
		return err
	}
	select {
	case <-d.exited:
		return nil
	case <-time.After(20 * time.Second):
		return fmt.Errorf("%s (process %d) does not die", d.name, d.cmd.Process.Pid)
	}
}

// reap removes dir once this process has ended, however it ends: a shell waits for the end of its input, which we hold open and never
// write to. Where the system has no parent-death signal it also kills the daemons, whose ids it is told.
func reap(dir string) (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	cmd := exec.Command("sh", "-c", `pids=; while read -r p; do pids="$pids $p"; done; for p in $pids; do kill -9 "$p" 2>/dev/null; done; sleep 0.5; rm -rf "$0"`, dir)
	cmd.Stdin = r
	cmd.SysProcAttr = detached()
	if err := cmd.Start(); err != nil {
		w.Close()
		return nil, err
	}
	go cmd.Wait()
	return w, nil
}
