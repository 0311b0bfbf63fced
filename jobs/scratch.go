package jobs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"howdah/hdfsio/rowfile"
)

// workspace is a run's directory on the local disk: SCRATCH/howdah-<job>-<home>/<run>. A process that uses it holds the lock
// on its file; so what a dead process left behind is known, and the next run of the job clears it away. It may be deleted
// at any time: what it holds is made again.
type workspace struct {
	dir  string
	lock *os.File
}

const lockFile = "lock"

// scratchError names the setting that an error is about. What was deleted under a run, or is damaged, is made again by whoever
// goes on with it.
func scratchError(err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("runtime.scratch: %w", err)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, rowfile.ErrDamaged) {
		return withClass(Transient, err)
	}
	return err
}

// lockPatience is how long a lock is waited for: whoever clears away holds it for a moment.
const lockPatience = 5 * time.Second

// openWorkspace makes the run's directory, or takes up the one that a former owner on this machine left, and removes those of
// other runs of the job that nobody works on.
func openWorkspace(base string, run *Run) (*workspace, error) {
	if base == "" {
		base = os.TempDir()
	}
	home := run.Home.URI
	if !strings.Contains(home, "://") {
		if abs, err := filepath.Abs(home); err == nil {
			home = abs
		}
	}
	// The user is part of the name: one cannot clear away what is another's.
	all := filepath.Join(base, "howdah-"+run.Job+"-"+hashOf([]byte(strconv.Itoa(os.Getuid()) + " " + home))[:12])
	w := &workspace{dir: filepath.Join(all, run.ID.String())}
	if err := w.acquire(); err != nil {
		return nil, scratchError(err)
	}
	if siblings, err := os.ReadDir(all); err == nil && canLock {
		for _, s := range siblings {
			other := &workspace{dir: filepath.Join(all, s.Name())}
			if other.dir != w.dir && other.abandoned() {
				other.remove()
			}
		}
	}
	return w, nil
}

// acquire makes the directory and takes its lock.
func (w *workspace) acquire() error {
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if err := os.MkdirAll(w.dir, 0o700); err != nil {
			return err
		}
		f, err := os.OpenFile(filepath.Join(w.dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
		if err == nil {
			if lockNow(f) && w.holds(f) {
				w.lock = f
				return nil
			}
			f.Close()
		} else if !errors.Is(err, fs.ErrNotExist) { // somebody cleared it away between two lines
			return err
		}
		if time.Since(begun) > lockPatience {
			return fmt.Errorf("%s: another process works in it", w.dir)
		}
	}
}

// holds tells whether f is still the directory's lock file: it may have been cleared away while its lock was waited for.
func (w *workspace) holds(f *os.File) bool {
	have, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(filepath.Join(w.dir, lockFile))
	return err == nil && os.SameFile(have, there)
}

// abandoned takes the lock of a directory that nobody works in.
func (w *workspace) abandoned() bool {
	f, err := os.OpenFile(filepath.Join(w.dir, lockFile), os.O_RDWR, 0o600)
	if err != nil {
		return false // being made or cleared away just now
	}
	if !lockNow(f) || !w.holds(f) {
		f.Close()
		return false
	}
	w.lock = f
	return true
}

// close gives the directory up and leaves it for the next owner.
func (w *workspace) close() {
	if w.lock != nil {
		w.lock.Close()
		w.lock = nil
	}
}

// remove deletes the directory, and the job's if it was the last. The lock file goes last: while it is there, it is held.
func (w *workspace) remove() {
	if w.lock == nil {
		return
	}
	if entries, err := os.ReadDir(w.dir); err == nil {
		for _, e := range entries {
			if e.Name() != lockFile {
				os.RemoveAll(filepath.Join(w.dir, e.Name()))
			}
		}
	}
	os.RemoveAll(w.dir)
	w.close()
	os.Remove(filepath.Dir(w.dir)) // fails while others are in it
}
