// Parts: what one unit of rows adds to an evaluation.

package eval

import (
	"fmt"

	"howdah/internal/kernel"
	"howdah/internal/sketch"
	"howdah/internal/table"
)

// Sizes of what a part keeps.
const (
	buckets     = 4096 // of rows, for intervals of means
	coarse      = 256  // of rows, for what is wide: calibration bins, classes
	bins        = 15   // of predicted probability, of equal width, for calibration
	scoreBins   = 50   // of predicted probability, of equal width, for the histograms of scores
	matrixLimit = 64   // classes up to which the confusion matrix and the AUC are kept
	chunk       = 1024 // rows computed at once
	maxClasses  = 1 << 16
	bucketSalt  = 0x6a09e667f3bcc908 // so that buckets do not follow the split, which hashes the same ids
	bucketShift = 64 - 12
	coarseShift = 4 // 4096 / 256 = 2^4
)

// Columns of the bucket sums. Every sum is weighted.
const (
	sumWeight = iota
	// Binary.
	sumPositive // weight of the positive rows
	sumLoss     // log loss
	sumBrier
	sumTrue   // true positives
	sumFalse  // false positives
	binaryLen //
)

// Multiclass, after sumWeight.
const (
	classLoss = iota + 1
	classBrier
	classCorrect
	classTop3
	classTop5
	classBaseLoss // of the baseline
	classBaseBrier
	classBaseCorrect
	classLen
)

// Regression, after sumWeight. d is the label less the baseline's mean.
const (
	sumD = iota + 1
	sumDD
	sumAbsD
	sumSquare   // squared error
	sumAbsolute // absolute error
	regressionLen
)

// Columns of the coarse buckets' sums for each class.
const (
	perTruth = iota
	perPredicted
	perHit
	perLen
)

// Columns of the calibration bins.
const (
	binWeight = iota
	binScore  // sum of the predictions
	binTruth  // sum of the truth
	binLen
)

// Part holds the sums of one unit of rows. It is not safe for concurrent use.
type Part struct {
	cfg  Config
	base Baseline
	err  error // a mistake in the configuration, returned by every method
	sums
	scores []scores // one, or one a class
	work   *work
}

// sums are everything that parts merge by adding up.
type sums struct {
	rows    int64
	width   int
	buckets []float64  // [buckets, width]
	classes []float64  // [coarse buckets, classes, perLen]
	bins    []float64  // [coarse, bins, binLen]
	matrix  []float64  // [truth, predicted]
	hist    []float64  // [2, scoreBins]: of the negative and the positive rows
	squares [2]float64 // Σ w² of the negative and the positive rows
	errors  floatBins  // residuals
	values  floatBins  // predictions
}

// work is a part's scratch memory.
type work struct {
	z, p, loss      [chunk]float32
	matrix, shifted []float32
	base            []baseClass
}

// NewPart returns an empty part. A mistake in the configuration is returned by Update.
func NewPart(cfg Config, base Baseline) *Part {
	cfg = cfg.withDefaults()
	p := &Part{cfg: cfg, base: base}
	if p.err = cfg.check(); p.err == nil {
		p.err = base.check(cfg, p.classes())
	}
	if p.err == nil && p.classes() > maxClasses {
		p.err = fmt.Errorf("evaluation: at most %d classes, have %d", maxClasses, p.classes())
	}
	if p.err != nil {
		return p
	}
	k := p.classes()
	switch cfg.Task {
	case Binary:
		p.width = binaryLen
		p.hist = make([]float64, 2*scoreBins)
		p.sums.bins = make([]float64, coarse*bins*binLen)
		p.scores = newScores(1)
	case Multiclass:
		p.width = classLen
		p.sums.bins = make([]float64, coarse*bins*binLen)
		p.sums.classes = make([]float64, classBuckets(k)*k*perLen)
		if k <= matrixLimit {
			p.matrix = make([]float64, k*k)
			p.scores = newScores(k)
		}
	case Regression:
		p.width = regressionLen
	}
	p.sums.buckets = make([]float64, buckets*p.width)
	return p
}

// classBuckets is the number of buckets for sums by class: fewer where there are many classes.
func classBuckets(classes int) int {
	n := coarse
	for n > 16 && n*classes > 1<<14 {
		n /= 2
	}
	return n
}

func (p *Part) classes() int {
	switch p.cfg.Task {
	case Binary:
		return 2
	case Multiclass:
		return len(p.cfg.Classes)
	}
	return 0
}

// outputs is the number of logits a row, checked.
func outputs(cfg Config, b *table.Encoded, logits []float32) (int, error) {
	n := 0
	if b.Rows > 0 {
		n = len(logits) / b.Rows
	}
	want := fmt.Sprint(1)
	ok := n == 1
	switch cfg.Task {
	case Binary:
		want, ok = "1 or 2", n == 1 || n == 2
	case Multiclass:
		want, ok = fmt.Sprint(len(cfg.Classes)), n == len(cfg.Classes)
	}
	if !ok || n*b.Rows != len(logits) {
		return 0, fmt.Errorf("evaluation: want %s logits for each of %d rows, have %d in all", want, b.Rows, len(logits))
	}
	if len(b.Labels) != b.Rows || b.Weights != nil && len(b.Weights) != b.Rows {
		return 0, fmt.Errorf("evaluation: %d rows have %d labels and %d weights", b.Rows, len(b.Labels), len(b.Weights))
	}
	for i, z := range logits {
		if z-z != 0 {
			return 0, fmt.Errorf("evaluation: the model's output %d for row %d of the block is %v", i%n, i/n, z)
		}
	}
	for i, w := range b.Weights {
		if !(w >= 0) || w-w != 0 {
			return 0, fmt.Errorf("evaluation: the weight of row %d of the block is %v", i, w)
		}
	}
	classes := 2
	if cfg.Task == Multiclass {
		classes = len(cfg.Classes)
	}
	for i, y := range b.Labels {
		if cfg.Task == Regression {
			if y-y != 0 {
				return 0, fmt.Errorf("evaluation: the label of row %d of the block is %v", i, y)
			}
		} else if !(y >= 0 && y < float32(classes)) || y != float32(int(y)) {
			return 0, fmt.Errorf("evaluation: the label of row %d of the block is %v; want a class's code below %d", i, y, classes)
		}
	}
	return n, nil
}

// Update adds the rows of a block. logits has the shape [Rows, outputs]: 1 output for a binary task or a regression, 2 for
// a binary task by categorical cross-entropy, or one for each class.
func (p *Part) Update(b *table.Encoded, logits []float32) error {
	if p.err != nil {
		return p.err
	}
	if b.Rows == 0 {
		return nil
	}
	n, err := outputs(p.cfg, b, logits)
	if err != nil {
		return err
	}
	if len(b.IDs) != b.Rows {
		return fmt.Errorf("evaluation: %d rows have %d ids", b.Rows, len(b.IDs))
	}
	if p.work == nil {
		p.work = &work{}
		if p.cfg.Task == Multiclass {
			p.work.matrix, p.work.shifted = make([]float32, chunk*n), make([]float32, chunk*n)
			p.work.base, _ = p.base.classes(n)
		}
	}
	for from := 0; from < b.Rows; from += chunk {
		to := min(from+chunk, b.Rows)
		r := rows{y: b.Labels[from:to], ids: b.IDs[from:to]}
		if b.Weights != nil {
			r.w = b.Weights[from:to]
		}
		z := logits[from*n : to*n]
		switch p.cfg.Task {
		case Binary:
			err = p.binary(r, z, n)
		case Multiclass:
			err = p.multiclass(r, z, n)
		case Regression:
			p.regression(r, z)
		}
		if err != nil {
			return err
		}
	}
	p.rows += int64(b.Rows)
	return nil
}

// rows is a chunk of at most 1,024 rows.
type rows struct {
	y, w []float32 // w may be nil
	ids  []uint64
}

func (r rows) weight(i int) float32 {
	if r.w == nil {
		return 1
	}
	return r.w[i]
}

func bucketOf(id uint64) int { return int(sketch.HashUint64(id^bucketSalt) >> bucketShift) }

// difference sets z to the logit of the positive class, from two logits a row.
func difference(z, logits []float32) {
	for i := range z {
		z[i] = logits[2*i+1] - logits[2*i]
	}
}

func (p *Part) binary(r rows, logits []float32, n int) error {
	z := logits
	if n == 2 {
		z = p.work.z[:len(r.y)]
		difference(z, logits)
	}
	prob, loss := p.work.p[:len(z)], p.work.loss[:len(z)]
	kernel.Sigmoid(prob, z)
	kernel.Softplus(loss, z)
	cut := p.cfg.cut()
	for i, y := range r.y {
		w32 := r.weight(i)
		w, q := float64(w32), float64(prob[i])
		b := bucketOf(r.ids[i])
		s := (*[binaryLen]float64)(p.buckets[b*binaryLen:])
		bin := (*[binLen]float64)(p.sums.bins[((b>>coarseShift)*bins+binOf(q, bins))*binLen:])
		s[sumWeight] += w
		bin[binWeight] += w
		bin[binScore] += float64(w * q)
		h := binOf(q, scoreBins)
		if y == 1 {
			s[sumPositive] += w
			// log(1+eᶻ) - z loses what is left of a small loss where z is large: log(1+e⁻ᶻ) does not.
			s[sumLoss] += float64(w * positiveLoss(loss[i], z[i]))
			s[sumBrier] += float64(w * float64((1-q)*(1-q)))
			bin[binTruth] += w
			h += scoreBins
			if float64(z[i]) >= cut {
				s[sumTrue] += w
			}
		} else {
			s[sumLoss] += float64(w * float64(loss[i]))
			s[sumBrier] += float64(w * float64(q*q))
			if float64(z[i]) >= cut {
				s[sumFalse] += w
			}
		}
		p.hist[h] += w
		p.squares[int(y)] += float64(w * w)
		if err := p.scores[0].put(z[i], w32, y == 1); err != nil {
			return err
		}
	}
	return nil
}

// positiveLoss is log(1+e⁻ᶻ), given softplus = log(1+eᶻ).
func positiveLoss(softplus, z float32) float64 {
	if z > 4 {
		return kernel.Log1pFloat64(kernel.ExpFloat64(-float64(z)))
	}
	return float64(softplus) - float64(z)
}

// binOf is the bin of equal width in which a probability lies.
func binOf(p float64, n int) int { return min(int(p*float64(n)), n-1) }

func (p *Part) multiclass(r rows, logits []float32, k int) error {
	// Logits less the row's largest: rows of the same probabilities become equal in bits.
	shifted := p.work.shifted[:len(logits)]
	for i := 0; i < len(logits); i += k {
		row := logits[i : i+k]
		m := row[0]
		for _, v := range row {
			m = max(m, v)
		}
		for c, v := range row {
			shifted[i+c] = v - m
		}
	}
	lse := p.work.loss[:len(r.y)]
	kernel.LogSumExpRows(lse, shifted, k)
	prob := p.work.matrix[:len(logits)]
	kernel.SoftmaxRows(prob, shifted, k)
	nb := classBuckets(k)
	for i, label := range r.y {
		w32 := r.weight(i)
		w, y := float64(w32), int(label)
		z, q := shifted[i*k:(i+1)*k], prob[i*k:(i+1)*k]
		best, above, square := 0, 0, 0.0
		for c, v := range z {
			if v > z[best] {
				best = c
			}
			if v > z[y] || v == z[y] && c < y {
				above++
			}
			square += float64(float64(q[c]) * float64(q[c]))
		}
		b := bucketOf(r.ids[i])
		s := (*[classLen]float64)(p.buckets[b*classLen:])
		p.squares[0] += float64(w * w)
		s[sumWeight] += w
		s[classLoss] += float64(w * max(float64(lse[i])-float64(z[y]), 0))
		s[classBaseLoss] += float64(w * p.work.base[y].loss)
		s[classBaseBrier] += float64(w * p.work.base[y].brier)
		s[classBaseCorrect] += float64(w * p.work.base[y].correct)
		s[classBrier] += float64(w * (square - 2*float64(q[y]) + 1))
		bin := (*[binLen]float64)(p.sums.bins[((b>>coarseShift)*bins+binOf(float64(q[best]), bins))*binLen:])
		bin[binWeight] += w
		bin[binScore] += float64(w * float64(q[best]))
		per := p.sums.classes[b%nb*k*perLen:][:k*perLen]
		per[y*perLen+perTruth] += w
		per[best*perLen+perPredicted] += w
		if best == y {
			s[classCorrect] += w
			bin[binTruth] += w
			per[y*perLen+perHit] += w
		}
		if above < 3 {
			s[classTop3] += w
		}
		if above < 5 {
			s[classTop5] += w
		}
		if p.matrix != nil {
			p.matrix[y*k+best] += w
		}
		for c := range p.scores {
			// The logarithm of the probability, in whose order the rows are: unlike the logit, it depends on the others.
			if err := p.scores[c].put(z[c]-lse[i], w32, c == y); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *Part) regression(r rows, pred []float32) {
	for i, y32 := range r.y {
		w := float64(r.weight(i))
		y, f := float64(y32), float64(pred[i])
		d, e := y-p.base.Mean, y-f
		s := (*[regressionLen]float64)(p.buckets[bucketOf(r.ids[i])*regressionLen:])
		s[sumWeight] += w
		s[sumD] += float64(w * d)
		s[sumDD] += float64(w * float64(d*d))
		s[sumAbsD] += float64(w * max(d, -d))
		s[sumSquare] += float64(w * float64(e*e))
		s[sumAbsolute] += float64(w * max(e, -e))
		if w > 0 {
			p.errors.add(float32(e), w, e, 0)
			p.values.add(pred[i], w, f, y)
		}
	}
}

// Merge adds the rows of q, which come after p's. q is used up.
func (p *Part) Merge(q *Part) error {
	if p.err != nil {
		return p.err
	}
	if q.err != nil {
		return q.err
	}
	if p.cfg.Task != q.cfg.Task || p.classes() != q.classes() || p.cfg.Threshold != q.cfg.Threshold || p.base.Mean != q.base.Mean {
		return fmt.Errorf("evaluation: parts of two configurations do not merge")
	}
	p.work = nil
	p.rows += q.rows
	p.squares[0] += q.squares[0]
	p.squares[1] += q.squares[1]
	for _, s := range [][2][]float64{{p.buckets, q.buckets}, {p.sums.classes, q.sums.classes}, {p.sums.bins, q.sums.bins}, {p.matrix, q.matrix}, {p.hist, q.hist}} {
		for i, x := range s[1] {
			s[0][i] += x
		}
	}
	p.errors.merge(&q.errors)
	p.values.merge(&q.values)
	for i := range p.scores {
		if err := p.scores[i].merge(&q.scores[i]); err != nil {
			return err
		}
	}
	return nil
}
