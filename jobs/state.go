package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"time"

	"howdah/hdfsio"
)

// RunState is what can be told of a run from its directory.
type RunState struct {
	Job      string    `json:"job"`
	Run      string    `json:"run"`
	Dir      string    `json:"dir"`
	State    string    `json:"state"`
	Started  time.Time `json:"started"`
	Ended    time.Time `json:"ended,omitzero"`
	Owners   int       `json:"owners"`
	Owner    Owner     `json:"owner"`
	Released *Released `json:"released,omitempty"`
	Progress *Progress `json:"progress,omitempty"`
	Summary  *Summary  `json:"summary,omitempty"`
}

// Took is how long the run has taken so far, or took.
func (s RunState) Took() time.Duration {
	switch {
	case !s.Ended.IsZero():
		return s.Ended.Sub(s.Started)
	case s.State == StateRunning:
		return time.Since(s.Started)
	case s.Progress != nil:
		return s.Progress.Updated.Sub(s.Started)
	}
	return 0
}

// State reads the run's directory. An owner on this machine whose process is gone left an interrupted run.
func (r *Run) State(ctx context.Context) (RunState, error) {
	st := RunState{Job: r.Job, Run: r.ID.String(), Dir: r.Dir(), State: StateInterrupted}
	n, owner, released, err := r.lastOwner(ctx)
	if err != nil {
		return st, err
	}
	st.Owners, st.Owner, st.Started, st.Released = n, owner, owner.Started, released
	at := &Run{Home: r.Home, Job: r.Job, ID: r.ID, Number: n}
	if b, err := hdfsio.ReadFile(ctx, r.Home.FS, at.ownerPath("progress.json")); err == nil {
		p := &Progress{}
		if json.Unmarshal(b, p) == nil {
			st.Progress = p
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return st, err
	}
	var s Summary
	switch err := r.ReadJSON(ctx, "summary.json", &s); {
	case err == nil:
		st.Summary, st.State, st.Started, st.Ended = &s, s.State, s.Started, s.Ended
		return st, nil
	case !errors.Is(err, fs.ErrNotExist):
		return st, err
	}
	if released != nil {
		st.State = released.State
		return st, nil
	}
	if owner.Nonce != "" && onThisMachine(owner) && owner.aliveHere() {
		st.State = StateRunning
	} else if owner.Nonce != "" && !onThisMachine(owner) && st.Progress != nil && time.Since(st.Progress.Updated) < Silent {
		st.State = StateRunning
	}
	return st, nil
}
