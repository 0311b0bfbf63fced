//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package jobs

import (
	"os"
	"syscall"
)

// canLock: the system has locks that end with their process.
const canLock = true

// lockNow takes the lock of an open file, which ends with the file or the process; false where another has it.
func lockNow(f *os.File) bool {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}
