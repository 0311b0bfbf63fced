package jobs

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"slices"
	"syscall"

	"howdah/hdfsio/rowfile"
	"howdah/hdfsio/shard"
	"howdah/internal/strictyaml"
	"howdah/train"
)

// Class is what kind of failure ended a run; it is the exit code of the command.
type Class int

// The classes, with their exit codes.
const (
	Done        Class = 0
	Other       Class = 1
	UserError   Class = 2 // the job file or the usage
	DataError   Class = 3
	Transient   Class = 4 // worth a retry: I/O
	Diverged    Class = 5
	TimedOut    Class = 6
	NotReady    Class = 21
	Claimed     Class = 75
	Interrupted Class = 130
)

func (c Class) String() string {
	switch c {
	case Done:
		return "done"
	case UserError:
		return "user"
	case DataError:
		return "data"
	case Transient:
		return "transient"
	case Diverged:
		return "model"
	case TimedOut:
		return "timed out"
	case NotReady:
		return "data not ready"
	case Claimed:
		return "claimed"
	case Interrupted:
		return "interrupted"
	}
	return "other"
}

// classed is an error whose class is known where it arises.
type classed struct {
	class Class
	err   error
}

func (e *classed) Error() string { return e.err.Error() }
func (e *classed) Unwrap() error { return e.err }

func withClass(c Class, err error) error {
	if err == nil {
		return nil
	}
	return &classed{c, err}
}

// ErrInterrupted is the cause with which a run is cancelled by its user.
var ErrInterrupted = errors.New("interrupted")

// ClassOf tells the class of an error that a run ended with.
func ClassOf(err error) Class {
	var (
		own      *classed
		problems strictyaml.Problems
		ready    *NotReadyError
		bad      *shard.BadShardError
		conflict *shard.ConflictError
		diverged *train.DivergedError
		netErr   net.Error
		errno    syscall.Errno
	)
	switch {
	case err == nil:
		return Done
	case errors.Is(err, ErrInterrupted):
		return Interrupted
	case errors.Is(err, ErrClaimed):
		return Claimed
	case errors.As(err, &ready):
		return NotReady
	case errors.As(err, &diverged):
		return Diverged
	case errors.As(err, &own):
		return own.class
	case errors.Is(err, rowfile.ErrDamaged):
		return Transient
	case errors.As(err, &problems):
		return UserError
	case errors.As(err, &bad), errors.As(err, &conflict):
		return DataError
	case errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrNotExist):
		return Other // before the next: a number of the system's is a net.Error too
	case errors.As(err, &errno):
		if slices.Contains(lasting, errno) {
			return Other
		}
		return Transient
	case errors.As(err, &netErr), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return Transient
	}
	return Other
}

// lasting are errors of the system that are the same the next time.
var lasting = []syscall.Errno{syscall.ENOTDIR, syscall.EISDIR, syscall.EROFS, syscall.ENAMETOOLONG, syscall.EINVAL, syscall.ELOOP}

// Hinter is an error that knows what to do about it.
type Hinter interface{ Hint() string }

// HintOf returns what to do about an error, or "".
func HintOf(err error) string {
	var h Hinter
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}
