// The evaluation of a binary task.

package eval

import (
	"math"

	"howdah/internal/kernel"
)

func (p *Part) finishBinary(e *Evaluation, t []float64) error {
	w, pos := t[sumWeight], t[sumPositive]
	neg := w - pos
	tp, fp := t[sumTrue], t[sumFalse]
	conf := p.cfg.Confidence
	prior := p.base.prior(1)
	guess := prior >= p.cfg.Threshold // what the baseline predicts for every row
	rate := pos / w
	// A share of positive rows is 0 or 1 where there is one class only.
	oneClass := ""
	switch {
	case !(pos > 0):
		oneClass = "no row is positive"
	case !(neg > 0):
		oneClass = "every row is positive"
	}

	var precision, recall, f1 sample
	bootstrap(p.buckets, binaryLen, p.cfg.Seed, func(s []float64) {
		precision.put(s[sumTrue] / (s[sumTrue] + s[sumFalse]))
		recall.put(s[sumTrue] / s[sumPositive])
		f1.put(2 * s[sumTrue] / (s[sumTrue] + s[sumFalse] + s[sumPositive]))
	})

	// difference is the interval of a mean less the baseline's, which is a constant for each class.
	difference := func(sum func(s []float64) float64, positive, negative float64) interval {
		return meanInterval(p.buckets, binaryLen, conf, func(s []float64) float64 {
			return sum(s) - (float64(s[sumPositive]*positive) + float64((s[sumWeight]-s[sumPositive])*negative))
		})
	}
	lossPos, lossNeg := -kernel.LogFloat64(prior), -kernel.Log1pFloat64(-prior)
	e.putPaired("log_loss", t[sumLoss]/w, float64(rate*lossPos)+float64((1-rate)*lossNeg),
		ratioInterval(p.buckets, binaryLen, sumLoss, sumWeight, conf).clip(0, math.MaxFloat64),
		difference(func(s []float64) float64 { return s[sumLoss] }, lossPos, lossNeg))

	rank, err := p.curves(e)
	if err != nil {
		return err
	}
	if oneClass != "" {
		e.absent("auc", oneClass)
		e.absent("pr_auc", oneClass)
	} else {
		// Rows of unequal weight count as fewer (Kish 1965): (Σw)²/Σw².
		nPos, nNeg := pos*pos/p.squares[1], neg*neg/p.squares[0]
		in := none(rank.auc)
		if nPos > 1 && nNeg > 1 {
			in = around(rank.auc, rank.varPos/(nPos-1)+rank.varNeg/(nNeg-1), conf, MethodDeLong).clip(0, 1)
		}
		e.put("auc", rank.auc, 0.5, in)
		e.put("pr_auc", rank.average, rate, logitInterval(rank.average, nPos, conf))
	}

	base := neg
	if guess {
		base = pos
	}
	right := func(s []float64) float64 { return s[sumTrue] + s[sumWeight] - s[sumPositive] - s[sumFalse] }
	e.putPaired("accuracy", (tp+neg-fp)/w, base/w, meanInterval(p.buckets, binaryLen, conf, right).clip(0, 1),
		difference(right, pick(guess, 1), pick(!guess, 1)))
	if tp+fp > 0 {
		e.put("precision", tp/(tp+fp), pick(guess, rate), precision.percentiles(tp/(tp+fp), conf))
	} else {
		e.absent("precision", "no row is predicted positive")
	}
	if pos > 0 {
		e.put("recall", tp/pos, pick(guess, 1), recall.percentiles(tp/pos, conf))
		v := 2 * tp / (tp + fp + pos)
		e.put("f1", v, pick(guess, 2*pos/(w+pos)), f1.percentiles(v, conf))
	} else {
		e.absent("recall", oneClass)
		e.absent("f1", oneClass)
	}
	brierPos, brierNeg := float64((1-prior)*(1-prior)), float64(prior*prior)
	e.putPaired("brier", t[sumBrier]/w, float64(rate*brierPos)+float64((1-rate)*brierNeg),
		ratioInterval(p.buckets, binaryLen, sumBrier, sumWeight, conf).clip(0, 1),
		difference(func(s []float64) float64 { return s[sumBrier] }, brierPos, brierNeg))
	p.calibration(e, math.Abs(prior-rate))

	e.Confusion = &Confusion{Classes: p.names(), Weights: [][]float64{{neg - fp, fp}, {pos - tp, tp}}}
	h := &ScoreHistogram{Negative: p.hist[:scoreBins], Positive: p.hist[scoreBins:]}
	for i := 0; i <= scoreBins; i++ {
		h.Edges = append(h.Edges, float64(i)/scoreBins)
	}
	e.Scores = h
	return nil
}

func pick(yes bool, x float64) float64 {
	if yes {
		return x
	}
	return 0
}

func (p *Part) names() []string {
	if p.cfg.Task == Binary && len(p.cfg.Classes) == 0 {
		return []string{"0", "1"}
	}
	return p.cfg.Classes
}

// logitInterval is normal on the scale of the logit, with the standard error 1/√(n·a·(1-a)) for n positive rows.
func logitInterval(a, n, confidence float64) interval {
	if !(a > 0 && a < 1 && n > 1) {
		return none(a)
	}
	mid := kernel.LogFloat64(a) - kernel.Log1pFloat64(-a)
	i := around(mid, 1/(n*a*(1-a)), confidence, MethodLogit)
	return interval{sigmoid(i.low), sigmoid(i.high), i.method}
}

func sigmoid(x float64) float64 { return 1 / (1 + kernel.ExpFloat64(-x)) }

// calibration adds the bins and the expected calibration error: the mean distance between the mean prediction and the
// share of positive rows over 15 bins of equal width, weighted by their rows (Naeini, Cooper and Hauskrecht 2015).
func (p *Part) calibration(e *Evaluation, baseline float64) {
	total := make([]float64, bins*binLen)
	for i, x := range p.sums.bins {
		total[i%len(total)] += x
	}
	distance := func(t []float64) float64 {
		var d, w float64
		for i := 0; i < len(t); i += binLen {
			d += math.Abs(t[i+binScore] - t[i+binTruth])
			w += t[i+binWeight]
		}
		return d / w
	}
	var s sample
	bootstrap(p.sums.bins, bins*binLen, p.cfg.Seed, func(t []float64) { s.put(distance(t)) })
	v := distance(total)
	e.put("calibration_error", v, baseline, s.spread(v, p.cfg.Confidence).clip(0, 1))
	for i := range bins {
		b := total[i*binLen:][:binLen]
		if w := b[binWeight]; w > 0 {
			e.Calibration = append(e.Calibration, CalibrationBin{float64(i) / bins, float64(i+1) / bins, w, b[binScore] / w, b[binTruth] / w})
		}
	}
}

// curves walks over the scores once for the ranking and both curves, thinned on the way: a point is kept where the curve
// has moved by a hundredth since the last one.
func (p *Part) curves(e *Evaluation) (ranking, error) {
	runs, err := p.scores[0].runs()
	if err != nil {
		return ranking{}, err
	}
	var pos, neg float64
	for _, r := range runs {
		pos += r.pos
		neg += r.neg
	}
	const step = 0.01
	var roc []ROCPoint
	var pr []PRPoint
	var last PRPoint
	var lastScore float32
	rank, err := order(runs, func(score float32, tp, fp float64) {
		if !(pos > 0 && neg > 0) {
			return
		}
		q := ROCPoint{0, fp / neg, tp / pos}
		if n := len(roc); n == 0 || roc[n-1].FPR-q.FPR+roc[n-1].TPR-q.TPR >= step {
			q.Threshold = sigmoid(float64(score))
			roc = append(roc, q)
		}
		last, lastScore = PRPoint{0, tp / pos, tp / (tp + fp)}, score
		if n := len(pr); n == 0 || pr[n-1].Recall-last.Recall >= step || tp < 0.02*pos && math.Abs(pr[n-1].Precision-last.Precision) >= 0.05 && len(pr) < 200 {
			last.Threshold = sigmoid(float64(score))
			pr = append(pr, last)
		}
	})
	if err != nil || !(rank.pos > 0 && rank.neg > 0) {
		return rank, err
	}
	if last.Threshold = sigmoid(float64(lastScore)); pr[len(pr)-1] != last {
		pr = append(pr, last)
	}
	// They went from the lowest threshold up.
	e.ROC = []ROCPoint{{1, 0, 0}}
	for i := len(roc) - 1; i >= 0; i-- {
		e.ROC = append(e.ROC, roc[i])
	}
	for i := len(pr) - 1; i >= 0; i-- {
		e.PR = append(e.PR, pr[i])
	}
	return rank, nil
}
