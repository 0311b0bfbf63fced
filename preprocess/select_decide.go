package preprocess

import (
	"fmt"
	"math"
	"sort"

	"gonum.org/v1/gonum/mathext"

	"howdah/internal/kernel"
)

// FeatureScore is what one rule found about one feature; a report is these, rule by rule, in the features' order.
type FeatureScore struct {
	Feature string `json:"feature"`
	Method  string `json:"method"`
	// Score is finite: where a statistic would be infinite (a perfect separation) it is the largest double, and where it
	// would be 0/0 (a constant feature) it is 0, as in sklearn's f_regression with force_finite.
	Score  float64 `json:"score"`
	PValue float64 `json:"p_value,omitempty"` // of chi2 and anova_f
	Kept   bool    `json:"kept"`
	Reason string  `json:"reason,omitempty"` // why it was dropped, or why the rule does not concern it
}

// Decide applies the rules, in order, to what the part has seen. kept is parallel to the selection's features. It is an
// error if no feature is left, or if the rules needed a pass and the part is empty.
func (s *Selection) Decide(p *SelectPart) (kept []bool, report []FeatureScore, err error) {
	if s.Wave() && p.n == 0 {
		return nil, nil, fmt.Errorf("selection: there are no training rows to score features on")
	}
	if p.n > 0 && !s.shaped(p) {
		return nil, nil, fmt.Errorf("selection: the part comes from another selection")
	}
	kept = make([]bool, len(s.features))
	for i := range kept {
		kept[i] = true
	}
	for _, r := range s.rules {
		var scores []FeatureScore
		switch r.Method {
		case byVariance:
			scores = s.decideVariance(r, p, kept)
		case byMissing:
			scores = s.decideMissing(r, kept)
		case byCorrelation:
			scores = s.decideCorrelation(r, p, kept)
		default:
			scores = s.decideScores(r, p, kept)
		}
		report = append(report, scores...)
		left := 0
		for _, k := range kept {
			if k {
				left++
			}
		}
		if left == 0 && len(kept) > 0 {
			return nil, report, fmt.Errorf("selection: method %s drops every feature; loosen %s", r.Method, s.limitOf(r))
		}
	}
	return kept, report, nil
}

func (s *Selection) limitOf(r SelectRule) string {
	switch {
	case r.Method == byVariance:
		return "min"
	case r.Max != nil:
		return "max"
	case r.Keep != nil:
		return "keep"
	}
	return "threshold"
}

// each calls f with every feature still kept: its index, its position among the features of its kind.
func (s *Selection) each(kept []bool, f func(i, pos int)) {
	pos := [2]int{}
	for i := range s.features {
		kind := 0
		if !s.features[i].Numeric() {
			kind = 1
		}
		if kept[i] {
			f(i, pos[kind])
		}
		pos[kind]++
	}
}

func (s *Selection) decideVariance(r SelectRule, p *SelectPart, kept []bool) (out []FeatureScore) {
	limit := 0.0
	if r.Min != nil {
		limit = *r.Min
	}
	s.each(kept, func(i, pos int) {
		f := FeatureScore{Feature: s.features[i].Name, Method: r.Method, Score: s.variance(p, i, pos)}
		if f.Kept = f.Score > limit; !f.Kept {
			if f.Score == 0 {
				f.Reason = "constant"
			} else {
				f.Reason = fmt.Sprintf("variance %.4g is not above %.4g", f.Score, limit)
			}
		}
		kept[i] = f.Kept
		out = append(out, f)
	})
	return out
}

func (s *Selection) variance(p *SelectPart, i, pos int) float64 {
	if s.features[i].Numeric() {
		return p.co[s.coAt(pos, pos)] / float64(p.n)
	}
	same := 0.0
	rows, _ := margins(p.codes[s.codeAt[pos]:s.codeAt[pos+1]], s.groups)
	for _, n := range rows {
		share := float64(n) / float64(p.n)
		same += float64(share * share)
	}
	return 1 - same
}

func (s *Selection) decideMissing(r SelectRule, kept []bool) (out []FeatureScore) {
	s.each(kept, func(i, _ int) {
		f := FeatureScore{Feature: s.features[i].Name, Method: r.Method, Score: s.features[i].Missing}
		if f.Kept = f.Score <= *r.Max; !f.Kept {
			f.Reason = fmt.Sprintf("%.4g of its values are missing, above %.4g", f.Score, *r.Max)
		}
		kept[i] = f.Kept
		out = append(out, f)
	})
	return out
}

func (s *Selection) decideCorrelation(r SelectRule, p *SelectPart, kept []bool) []FeatureScore {
	type pair struct {
		i, j int // positions among the numeric features, j before i
		r    float64
	}
	var pairs []pair
	strongest := make([]float64, len(s.numeric)) // the score reported: the largest |r| with another kept feature
	for i := range s.numeric {
		for j := range i {
			if !kept[s.numeric[i]] || !kept[s.numeric[j]] {
				continue
			}
			c := s.correlation(p, i, j)
			strongest[i] = max(strongest[i], math.Abs(c))
			strongest[j] = max(strongest[j], math.Abs(c))
			if math.Abs(c) > *r.Max {
				pairs = append(pairs, pair{i, j, c})
			}
		}
	}
	sort.SliceStable(pairs, func(a, b int) bool { return math.Abs(pairs[a].r) > math.Abs(pairs[b].r) })
	reason := make([]string, len(s.numeric))
	for _, q := range pairs {
		if reason[q.i] != "" || reason[q.j] != "" {
			continue
		}
		drop, keep := q.i, q.j
		if s.relevance(p, q.i) > s.relevance(p, q.j) {
			drop, keep = q.j, q.i
		}
		reason[drop] = fmt.Sprintf("correlation %.4f with %s, which says %s about the label", q.r,
			s.features[s.numeric[keep]].Name, moreOrAsMuch(s.relevance(p, keep) > s.relevance(p, drop)))
	}
	var out []FeatureScore
	s.each(kept, func(i, pos int) {
		f := FeatureScore{Feature: s.features[i].Name, Method: r.Method, Kept: true}
		if s.features[i].Numeric() {
			f.Score, f.Reason = strongest[pos], reason[pos]
			f.Kept = f.Reason == ""
		} else {
			f.Reason = "categorical: correlation is between numbers"
		}
		kept[i] = f.Kept
		out = append(out, f)
	})
	return out
}

func moreOrAsMuch(more bool) string {
	if more {
		return "more"
	}
	return "as much"
}

// correlation is Pearson's r of two columns, i > j; 0 where one is constant.
func (s *Selection) correlation(p *SelectPart, i, j int) float64 {
	v := p.co[s.coAt(i, i)] * p.co[s.coAt(j, j)]
	if !(v > 0) {
		return 0
	}
	return max(-1, min(1, p.co[s.coAt(i, j)]/math.Sqrt(v)))
}

// relevance is the share of variance that a numeric feature and the label explain of one another: η² or r².
func (s *Selection) relevance(p *SelectPart, pos int) float64 {
	if s.target.Type == Regression {
		r := s.correlation(p, len(s.numeric), pos)
		return r * r
	}
	between, within, _ := s.sumsOfSquares(p, pos)
	if !(between > 0) {
		return 0
	}
	return between / (between + within)
}

// sumsOfSquares splits a numeric feature's variation between and within the classes that have rows.
func (s *Selection) sumsOfSquares(p *SelectPart, pos int) (between, within float64, classes int) {
	for g, n := range p.classN {
		if n == 0 {
			continue
		}
		at := pos*s.groups + g
		d := p.groupMean[at] - p.mean[pos]
		between += float64(float64(n) * d * d)
		within += p.groupM2[at]
		classes++
	}
	return between, within, classes
}

// decideScores applies keep or threshold to a score.
func (s *Selection) decideScores(r SelectRule, p *SelectPart, kept []bool) []FeatureScore {
	var out []FeatureScore
	var scored, features []int // places in out, and the features there
	s.each(kept, func(i, pos int) {
		f := FeatureScore{Feature: s.features[i].Name, Method: r.Method, Kept: true}
		ok := true
		switch r.Method {
		case byMI:
			f.Score = mutualInformation(s.table(p, i, pos), s.groups)
		case byChi2:
			f.Score, f.PValue = chiSquared(s.table(p, i, pos), s.groups)
		case byAnova:
			f.Score, f.PValue, ok = s.anova(p, i, pos)
		}
		if ok {
			scored = append(scored, len(out))
			features = append(features, i)
		} else {
			f.Reason = "categorical with a multiclass label: anova_f does not score it"
		}
		out = append(out, f)
	})
	if r.Threshold != nil {
		for k, o := range scored {
			if f := &out[o]; f.Score < *r.Threshold {
				f.Kept, kept[features[k]] = false, false
				f.Reason = fmt.Sprintf("score %.4g is below %.4g", f.Score, *r.Threshold)
			}
		}
		return out
	}
	count := len(scored)
	if *r.Keep >= 1 {
		count = min(count, int(*r.Keep))
	} else if count > 0 {
		count = max(1, int(math.Floor(float64(*r.Keep*float64(count))+0.5)))
	}
	order := make([]int, len(scored))
	for k := range order {
		order[k] = k
	}
	sort.SliceStable(order, func(a, b int) bool { return out[scored[order[a]]].Score > out[scored[order[b]]].Score })
	for rank, k := range order {
		if rank >= count {
			f := &out[scored[k]]
			f.Kept, kept[features[k]] = false, false
			f.Reason = fmt.Sprintf("rank %d of %d, %d are kept", rank+1, len(scored), count)
		}
	}
	return out
}

// table is the contingency table of a feature, [categories or bins, groups].
func (s *Selection) table(p *SelectPart, i, pos int) []int64 {
	if s.features[i].Numeric() {
		return p.bins[s.binAt[pos]:s.binAt[pos+1]]
	}
	return p.codes[s.codeAt[pos]:s.codeAt[pos+1]]
}

func margins(table []int64, groups int) (rows, cols []int64) {
	rows, cols = make([]int64, len(table)/groups), make([]int64, groups)
	for i, n := range table {
		rows[i/groups] += n
		cols[i%groups] += n
	}
	return rows, cols
}

// mutualInformation of a contingency table, in nats (sklearn.metrics.mutual_info_score).
func mutualInformation(table []int64, groups int) float64 {
	rows, cols := margins(table, groups)
	var n float64
	for _, c := range cols {
		n += float64(c)
	}
	mi := 0.0
	for i, c := range table {
		if c > 0 {
			mi += float64(float64(c) / n * (kernel.LogFloat64(float64(c)/n) - kernel.LogFloat64(float64(rows[i/groups])/n) - kernel.LogFloat64(float64(cols[i%groups])/n)))
		}
	}
	return max(mi, 0)
}

// chiSquared is Pearson's statistic of a contingency table and its p-value; empty rows and columns do not count.
func chiSquared(table []int64, groups int) (stat, p float64) {
	rows, cols := margins(table, groups)
	var n float64
	used := [2]int{}
	for _, r := range rows {
		if r > 0 {
			used[0]++
		}
	}
	for _, c := range cols {
		n += float64(c)
		if c > 0 {
			used[1]++
		}
	}
	df := float64(used[0]-1) * float64(used[1]-1)
	if !(df > 0) {
		return 0, 1
	}
	for i, c := range table {
		if want := float64(float64(rows[i/groups]) * (float64(cols[i%groups]) / n)); want > 0 {
			d := float64(c) - want
			stat += d * d / want
		}
	}
	return stat, mathext.GammaIncRegComp(df/2, stat/2)
}

// anova is the F statistic of a feature and the label, with its p-value; ok is false where there is none.
func (s *Selection) anova(p *SelectPart, i, pos int) (f, pValue float64, ok bool) {
	n := float64(p.n)
	switch {
	case s.features[i].Numeric() && s.target.Type == Regression:
		r := s.correlation(p, len(s.numeric), pos)
		f, pValue = fStatistic(r*r, 1-float64(r*r), 1, n-2)
		return f, pValue, true
	case s.features[i].Numeric():
		between, within, classes := s.sumsOfSquares(p, pos)
		f, pValue = fStatistic(between, within, float64(classes-1), n-float64(classes))
		return f, pValue, true
	case s.target.Type == Multiclass:
		return 0, 0, false
	}
	var between, within float64
	used := 0
	if s.target.Type == Regression {
		mean := p.mean[len(s.numeric)]
		for k := s.rowAt[pos]; k < s.rowAt[pos+1]; k++ {
			if p.rowN[k] > 0 {
				d := p.rowMean[k] - mean
				between += float64(float64(p.rowN[k]) * d * d)
				within += p.rowM2[k]
				used++
			}
		}
	} else {
		table := s.table(p, i, pos)
		mean := float64(p.classN[1]) / n
		for k := 0; k < len(table); k += 2 {
			if size := float64(table[k] + table[k+1]); size > 0 {
				share := float64(table[k+1]) / size
				between += float64(size * (share - mean) * (share - mean))
				within += float64(size * share * (1 - share))
				used++
			}
		}
	}
	f, pValue = fStatistic(between, within, float64(used-1), n-float64(used))
	return f, pValue, true
}

// fStatistic is (between/d1) / (within/d2), kept finite, and the probability of more under the F distribution.
func fStatistic(between, within, d1, d2 float64) (f, p float64) {
	switch {
	case !(between > 0) || !(d1 > 0) || !(d2 > 0):
		return 0, 1
	case !(within > 0):
		return math.MaxFloat64, 0
	}
	f = between / d1 / (within / d2)
	if math.IsInf(f, 0) {
		return math.MaxFloat64, 0
	}
	return f, mathext.RegIncBeta(d2/2, d1/2, d2/(d2+float64(d1*f)))
}
