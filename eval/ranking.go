// What depends on the order of the scores: AUC, average precision, and their curves.

package eval

// ranking is what one walk over the sorted scores yields.
type ranking struct {
	pos, neg float64 // weight of the positive and of the negative rows
	auc      float64 // the share of pairs in the right order, ties counting half
	average  float64 // average precision: Σ (recall gained) x (precision there)
	// variances of the placement values of the positive and of the negative rows, for DeLong's interval
	varPos, varNeg float64
}

// order walks over the runs from the lowest score up. For each distinct score, see is told the weights of the positive and
// negative rows with this score or a higher one; it may be nil.
func order(runs []*run, see func(score float32, tp, fp float64)) (ranking, error) {
	var c ranking
	for _, r := range runs {
		c.pos += r.pos
		c.neg += r.neg
	}
	if !(c.pos > 0 && c.neg > 0) && see == nil {
		return c, nil
	}
	var below, belowPos float64 // weight of the rows with lower scores: negative, positive
	var area, precision float64
	var squarePos, sumNeg, squareNeg float64
	err := walk(runs, func(key uint32, pos, neg float64) {
		tp, fp := max(c.pos-belowPos, pos), max(c.neg-below, neg)
		if see != nil {
			see(scoreOf(key), tp, fp)
		}
		if pos > 0 {
			v := (below + float64(neg/2)) / c.neg // placement: the share of negative rows below
			area += float64(pos * v)
			squarePos += float64(pos * float64(v*v))
			precision += float64(pos * (tp / (tp + fp)))
		}
		if neg > 0 {
			v := (max(c.pos-belowPos-pos, 0) + float64(pos/2)) / c.pos
			sumNeg += float64(neg * v)
			squareNeg += float64(neg * float64(v*v))
		}
		below += neg
		belowPos += pos
	})
	if err != nil || !(c.pos > 0 && c.neg > 0) {
		return c, err
	}
	c.auc = area / c.pos
	c.average = precision / c.pos
	c.varPos = max(squarePos/c.pos-float64(c.auc*c.auc), 0)
	mean := sumNeg / c.neg
	c.varNeg = max(squareNeg/c.neg-float64(mean*mean), 0)
	return c, nil
}
