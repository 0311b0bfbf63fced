// The metrics of an epoch.

package eval

import (
	"math"

	"howdah/internal/kernel"
	"howdah/internal/table"
)

// Quick computes the metrics of the validation rows after an epoch, in one pass, without intervals and curves. It is not
// safe for concurrent use.
type Quick struct {
	cfg    Config
	err    error
	scores scores
	work   work

	weight, loss, square, absolute float64
	positive, tp, fp, correct      float64
	first                          float64 // regression: the first label, from which deviations are taken
	seen                           bool
	d, dd                          float64
	classes                        []float64 // [classes, perLen]
}

// NewQuick returns metrics of no rows yet. A mistake in the configuration is returned by Update.
func NewQuick(cfg Config) *Quick {
	cfg = cfg.withDefaults()
	q := &Quick{cfg: cfg, err: cfg.check(), scores: newScores(1)[0]}
	if cfg.Task == Multiclass {
		q.classes = make([]float64, len(cfg.Classes)*perLen)
	}
	return q
}

// Update adds the rows of a block; logits as for [Part.Update].
func (q *Quick) Update(b *table.Encoded, logits []float32) error {
	if q.err != nil {
		return q.err
	}
	if b.Rows == 0 {
		return nil
	}
	n, err := outputs(q.cfg, b, logits)
	if err != nil {
		return err
	}
	for from := 0; from < b.Rows; from += chunk {
		to := min(from+chunk, b.Rows)
		r := rows{y: b.Labels[from:to]}
		if b.Weights != nil {
			r.w = b.Weights[from:to]
		}
		z := logits[from*n : to*n]
		switch q.cfg.Task {
		case Binary:
			err = q.binary(r, z, n)
		case Multiclass:
			q.multiclass(r, z, n)
		case Regression:
			q.regression(r, z)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (q *Quick) binary(r rows, logits []float32, n int) error {
	z := logits
	if n == 2 {
		z = q.work.z[:len(r.y)]
		difference(z, logits)
	}
	prob, loss := q.work.p[:len(z)], q.work.loss[:len(z)]
	kernel.Sigmoid(prob, z)
	kernel.Softplus(loss, z)
	cut := q.cfg.cut()
	for i, y := range r.y {
		w32 := r.weight(i)
		w := float64(w32)
		q.weight += w
		if y == 1 {
			q.positive += w
			q.loss += float64(w * positiveLoss(loss[i], z[i]))
			if float64(z[i]) >= cut {
				q.tp += w
			}
		} else {
			q.loss += float64(w * float64(loss[i]))
			if float64(z[i]) >= cut {
				q.fp += w
			}
		}
		e := float64(prob[i]) - float64(y)
		q.square += float64(w * float64(e*e))
		if err := q.scores.put(z[i], w32, y == 1); err != nil {
			return err
		}
	}
	return nil
}

func (q *Quick) multiclass(r rows, logits []float32, k int) {
	lse := q.work.loss[:len(r.y)]
	kernel.LogSumExpRows(lse, logits, k)
	for i, label := range r.y {
		w, y := float64(r.weight(i)), int(label)
		z := logits[i*k : (i+1)*k]
		best := 0
		for c, v := range z {
			if v > z[best] {
				best = c
			}
		}
		q.weight += w
		q.loss += float64(w * max(float64(lse[i])-float64(z[y]), 0))
		q.classes[y*perLen+perTruth] += w
		q.classes[best*perLen+perPredicted] += w
		if best == y {
			q.correct += w
			q.classes[y*perLen+perHit] += w
		}
	}
}

func (q *Quick) regression(r rows, pred []float32) {
	if !q.seen {
		q.first, q.seen = float64(r.y[0]), true
	}
	for i, y := range r.y {
		w := float64(r.weight(i))
		e, d := float64(y)-float64(pred[i]), float64(y)-q.first
		q.weight += w
		q.square += float64(w * float64(e*e))
		q.absolute += float64(w * max(e, -e))
		q.d += float64(w * d)
		q.dd += float64(w * float64(d*d))
	}
}

// Metrics returns what the rows define: log_loss, auc, pr_auc, accuracy, precision, recall, f1 and brier of a binary task;
// log_loss, accuracy and the macro averages of precision, recall and
// f1 of several classes; mse, rmse, mae and r2 of a regression. It is empty where no row has weight.
func (q *Quick) Metrics() map[string]float64 {
	m := map[string]float64{}
	w := q.weight
	if !(w > 0) {
		return m
	}
	switch q.cfg.Task {
	case Binary:
		m["log_loss"] = q.loss / w
		m["brier"] = q.square / w
		m["accuracy"] = (w - q.positive - q.fp + q.tp) / w
		if q.tp+q.fp > 0 {
			m["precision"] = q.tp / (q.tp + q.fp)
		}
		if q.positive > 0 {
			m["recall"] = q.tp / q.positive
			m["f1"] = 2 * q.tp / (q.tp + q.fp + q.positive)
		}
		if runs, err := q.scores.runs(); err == nil {
			if c, err := order(runs, nil); err == nil && c.pos > 0 && c.neg > 0 {
				m["auc"] = c.auc
				m["pr_auc"] = c.average
			}
		}
	case Multiclass:
		m["log_loss"] = q.loss / w
		m["accuracy"] = q.correct / w
		a := average(q.classes)
		m["precision"], m["recall"], m["f1"] = a.macro[0], a.macro[1], a.macro[2]
	case Regression:
		m["mse"] = q.square / w
		m["rmse"] = math.Sqrt(q.square / w)
		m["mae"] = q.absolute / w
		if v := q.dd - q.d*q.d/w; v > 0 {
			m["r2"] = 1 - q.square/v
		}
	}
	for name, x := range m {
		if !finite(x) {
			delete(m, name)
		}
	}
	return m
}
