//go:build !linux

package jobs

import (
	"os"
	"syscall"
	"time"
)

// processAlive tells whether a process of that id lives.
func processAlive(pid int, _ time.Time) bool {
	p, err := os.FindProcess(pid)
	return err == nil && p.Signal(syscall.Signal(0)) == nil
}
