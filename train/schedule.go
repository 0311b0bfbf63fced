package train

import (
	"fmt"
	"math"
)

// schedule is the learning rate over time, a function of the epoch, the batch and the updates done; the plateau's state
// besides.
type schedule struct {
	c    ScheduleConfig
	base float64
	more bool // plateau: more of the metric is better
}

func newSchedule(o OptimizerConfig) schedule {
	s := schedule{c: o.Schedule, base: *o.LearningRate}
	s.more, _ = maximise(s.c.Metric, s.c.Mode)
	return s
}

// rate is the learning rate of the update that follows `done` others, in an epoch of which the share `part` is done. cut is
// what the plateau has come to.
func (s *schedule) rate(epoch int, part float64, done int64, cut float64) float32 {
	r := s.base
	switch s.c.Type {
	case "step": // PyTorch's StepLR
		r *= power(*s.c.Factor, int64(epoch/s.c.Every))
	case "exponential": // PyTorch's ExponentialLR
		r *= power(*s.c.Factor, int64(epoch))
	case "cosine": // Loshchilov and Hutter 2017, equation 5, without restarts
		t := min((float64(epoch)+part)/float64(s.c.Epochs), 1)
		r = s.c.MinRate + float64(0.5*float64((r-s.c.MinRate)*(1+cosPi(t))))
	case "plateau": // PyTorch's ReduceLROnPlateau
		r = max(float64(r*cut), min(s.c.MinRate, r))
	}
	if w := int64(s.c.WarmUp); done < w {
		r *= float64(done+1) / float64(w+1)
	}
	return float32(r)
}

// cosPi is cos(πt) for t in [0, 1]: by its series, as math.Cos does not promise the same bits everywhere.
func cosPi(t float64) float64 {
	sign := 1.0
	if t > 0.5 {
		t, sign = 1-t, -1
	}
	x := float64(math.Pi * t)
	x2 := float64(x * x)
	sum, term := 0.0, 1.0
	for k := 1; k < 24; k += 2 {
		sum += term
		term = float64(-term*x2) / float64(k*(k+1))
	}
	return float64(sign * sum)
}

// watch is what early stopping and the plateau remember.
type watch struct {
	Seen  bool    `json:"seen"` // a value was observed
	Best  float64 `json:"best"`
	Epoch int     `json:"epoch"` // of the best
	Bad   int     `json:"bad"`   // epochs since without improvement
}

// observe takes a value and says whether it is an improvement by more than delta.
func (w *watch) observe(v float64, epoch int, more bool, delta float64) bool {
	better := !w.Seen || (more && v > w.Best+delta) || (!more && v < w.Best-delta)
	if v-v != 0 { // not finite
		better = false
	}
	if better {
		*w = watch{true, v, epoch, 0}
	} else {
		w.Bad++
	}
	return better
}

func metricOf(m Metrics, name, by string) (float64, error) {
	v, ok := m[name]
	if !ok {
		return 0, &FieldError{by, fmt.Sprintf("validation has no metric %q; it has %s", name, nameList(m))}
	}
	return v, nil
}
