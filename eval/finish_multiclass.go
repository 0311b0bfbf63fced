// The evaluation of several classes.

package eval

import (
	"math"
)

// averages are the class averages of precision, recall and F1: macro over the classes that occur (among the labels or the
// predictions), and weighted by the labels. What is undefined for a class counts as 0, as in scikit-learn.
type averages struct {
	macro, weighted [3]float64 // precision, recall, f1
}

// average computes them from sums [classes, perLen].
func average(t []float64) averages {
	var a averages
	var classes, weight float64
	for i := 0; i < len(t); i += perLen {
		truth, predicted, hit := t[i+perTruth], t[i+perPredicted], t[i+perHit]
		if truth == 0 && predicted == 0 {
			continue
		}
		v := classMetrics(truth, predicted, hit)
		classes++
		weight += truth
		for j, x := range v {
			a.macro[j] += x
			a.weighted[j] += float64(truth * x)
		}
	}
	for j := range a.macro {
		a.macro[j] /= classes
		a.weighted[j] /= weight
	}
	return a
}

// classMetrics are precision, recall and F1.
func classMetrics(truth, predicted, hit float64) (v [3]float64) {
	if predicted > 0 {
		v[0] = hit / predicted
	}
	if truth > 0 {
		v[1] = hit / truth
	}
	if truth+predicted > 0 {
		v[2] = 2 * hit / (truth + predicted)
	}
	return v
}

func (p *Part) finishMulticlass(e *Evaluation, t []float64) error {
	w, conf, k := t[sumWeight], p.cfg.Confidence, p.classes()
	total := make([]float64, k*perLen)
	for i, x := range p.sums.classes {
		total[i%len(total)] += x
	}
	// The baseline predicts the priors, and the likeliest class of them.
	_, guess := p.base.classes(k)
	order := make([]int, k) // classes with a larger prior, or an equal one and a lower code
	for c := range k {
		for d := range k {
			if q := p.base.prior(c); p.base.prior(d) > q || p.base.prior(d) == q && d < c {
				order[c]++
			}
		}
	}
	baseTotals := make([]float64, k*perLen)
	for c := range k {
		baseTotals[c*perLen+perTruth] = total[c*perLen+perTruth]
	}
	baseTotals[guess*perLen+perPredicted] = w
	baseTotals[guess*perLen+perHit] = total[guess*perLen+perTruth]
	base := average(baseTotals)
	baseTop := func(n int) float64 {
		s := 0.0
		for c := range k {
			if order[c] < n {
				s += total[c*perLen+perTruth]
			}
		}
		return s / w
	}

	mean := func(column int, high float64) interval {
		return ratioInterval(p.buckets, classLen, column, sumWeight, conf).clip(0, high)
	}
	paired := func(column, base int) interval {
		return meanInterval(p.buckets, classLen, conf, func(s []float64) float64 { return s[column] - s[base] })
	}
	e.putPaired("log_loss", t[classLoss]/w, t[classBaseLoss]/w, mean(classLoss, math.MaxFloat64), paired(classLoss, classBaseLoss))
	aucs, err := p.classAUC(e)
	if err != nil {
		return err
	}
	e.putPaired("accuracy", t[classCorrect]/w, t[classBaseCorrect]/w, mean(classCorrect, 1), paired(classCorrect, classBaseCorrect))

	var samples [6]sample
	bootstrap(p.sums.classes, k*perLen, p.cfg.Seed, func(s []float64) {
		a := average(s)
		for j := range 3 {
			samples[j].put(a.macro[j])
			samples[3+j].put(a.weighted[j])
		}
	})
	a := average(total)
	for j, name := range []string{"precision", "recall", "f1"} {
		e.put(name, a.macro[j], base.macro[j], samples[j].percentiles(a.macro[j], conf))
	}
	for j, name := range []string{"precision_weighted", "recall_weighted", "f1_weighted"} {
		e.put(name, a.weighted[j], base.weighted[j], samples[3+j].percentiles(a.weighted[j], conf))
	}
	if k > 3 {
		e.put("top_3_accuracy", t[classTop3]/w, baseTop(3), mean(classTop3, 1))
	}
	if k > 5 {
		e.put("top_5_accuracy", t[classTop5]/w, baseTop(5), mean(classTop5, 1))
	}
	e.putPaired("brier", t[classBrier]/w, t[classBaseBrier]/w, mean(classBrier, 2), paired(classBrier, classBaseBrier))
	p.calibration(e, math.Abs(p.base.prior(guess)-total[guess*perLen+perTruth]/w))

	if p.matrix != nil {
		m := &Confusion{Classes: p.cfg.Classes}
		for c := range k {
			m.Weights = append(m.Weights, p.matrix[c*k:(c+1)*k])
		}
		e.Confusion = m
		for c, name := range p.cfg.Classes {
			s := total[c*perLen:][:perLen]
			v := classMetrics(s[perTruth], s[perPredicted], s[perHit])
			e.PerClass = append(e.PerClass, ClassMetrics{name, s[perTruth], s[perPredicted], v[0], v[1], v[2], aucs[c]})
		}
	}
	return nil
}

// classAUC adds the macro average of the AUC of each class against the rest, over the classes that occur. Its interval
// takes the classes' errors as fully dependent, which is never too narrow.
func (p *Part) classAUC(e *Evaluation) ([]*float64, error) {
	k := p.classes()
	out := make([]*float64, k)
	if p.scores == nil {
		e.absent("auc", "there are more than 64 classes")
		return out, nil
	}
	var sum, se, n float64
	for c := range k {
		runs, err := p.scores[c].runs()
		if err != nil {
			return nil, err
		}
		rank, err := order(runs, nil)
		if err != nil {
			return nil, err
		}
		if !(rank.pos > 0 && rank.neg > 0) {
			continue
		}
		out[c] = &rank.auc
		n++
		sum += rank.auc
		// The rows' effective number, as for two classes.
		share := e.Weight / max(p.squares[0], 1e-300)
		nPos, nNeg := float64(rank.pos*share), float64(rank.neg*share)
		if nPos > 1 && nNeg > 1 {
			se += math.Sqrt(rank.varPos/(nPos-1) + rank.varNeg/(nNeg-1))
		} else {
			se = math.Inf(1)
		}
	}
	if n == 0 {
		e.absent("auc", "the rows are of one class")
		return out, nil
	}
	e.put("auc", sum/n, 0.5, around(sum/n, float64(se/n*se/n), p.cfg.Confidence, MethodDeLong).clip(0, 1))
	return out, nil
}
