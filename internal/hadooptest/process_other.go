//go:build unix && !linux

package hadooptest

import "syscall"

func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// diesWithUs: without a parent-death signal the reaper kills the daemons.
const diesWithUs = false
