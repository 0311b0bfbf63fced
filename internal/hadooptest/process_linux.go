package hadooptest

import "syscall"

// A daemon has a process group of its own, so that an interrupt at the terminal reaches the test first, and dies with the test.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// diesWithUs: the kernel kills the daemons when the test process ends.
const diesWithUs = true
