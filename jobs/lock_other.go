//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package jobs

import "os"

// canLock: without locks of the system nobody knows whether another process works in a directory, so nothing is cleared away.
const canLock = false

func lockNow(*os.File) bool { return true }
