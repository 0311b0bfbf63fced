// Small charts within tables, as SVG drawn here: they need no script.

package report

import (
	"fmt"
	"html/template"
	"math"
	"strings"
)

const (
	sparkWidth  = 120
	sparkHeight = 28
)

// spark draws a feature's histogram, else a box over its quantiles, else bars of its frequent values.
func spark(f Feature) template.HTML {
	switch {
	case f.Numbers != nil && f.Numbers.Histogram != nil && len(f.Numbers.Histogram.Weights) > 0:
		return columns(f.Numbers.Histogram.Weights, "histogram of "+f.Name)
	case f.Numbers != nil && len(f.Numbers.Quantiles) >= 3:
		return box(f.Numbers, "quantiles of "+f.Name)
	case len(f.Top) > 0:
		var w []float64
		for _, t := range f.Top[:min(len(f.Top), 20)] {
			w = append(w, float64(t.Count))
		}
		return columns(w, "frequent values of "+f.Name)
	}
	return ""
}

func open(b *strings.Builder, label string) {
	fmt.Fprintf(b, `<svg class="spark" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">`,
		sparkWidth, sparkHeight, sparkWidth, sparkHeight, template.HTMLEscapeString(label))
}

func columns(weights []float64, label string) template.HTML {
	most := 0.0
	for _, w := range weights {
		if w > most && !math.IsInf(w, 0) {
			most = w
		}
	}
	if most == 0 {
		return ""
	}
	var b strings.Builder
	open(&b, label)
	step := min(float64(sparkWidth)/float64(len(weights)), 14)
	for i, w := range weights {
		if !(w > 0) || math.IsInf(w, 0) {
			continue
		}
		h := max(w/most*sparkHeight, 0.7)
		fmt.Fprintf(&b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, float64(i)*step, sparkHeight-h, max(step-0.6, 0.5), h)
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) //nolint:gosec // numbers, and a label that is escaped
}

// box draws the range from the first to the last quantile as a line, the middle half as a box and the median as a stroke.
func box(n *Numbers, label string) template.HTML {
	at := func(q float64) float64 {
		best := n.Quantiles[0]
		for _, c := range n.Quantiles {
			if math.Abs(c.Q-q) < math.Abs(best.Q-q) {
				best = c
			}
		}
		return best.Value
	}
	lo, hi := n.Quantiles[0].Value, n.Quantiles[len(n.Quantiles)-1].Value
	x := func(v float64) float64 { return 2 + (v-lo)/(hi-lo)*(sparkWidth-4) }
	q1, q2, q3 := x(at(0.25)), x(at(0.5)), x(at(0.75))
	for _, v := range []float64{q1, q2, q3} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return ""
		}
	}
	var b strings.Builder
	open(&b, label)
	fmt.Fprintf(&b, `<path d="M2 14H%d"/><rect class="box" x="%.1f" y="6" width="%.1f" height="16"/><path class="median" d="M%.1f 4V24"/></svg>`,
		sparkWidth-2, q1, max(q3-q1, 1), q2)
	return template.HTML(b.String()) //nolint:gosec // numbers, and a label that is escaped
}

// bar draws a number left or right of the middle.
func bar(x, most float64) template.HTML {
	if !(most > 0) || math.IsInf(most, 0) || x-x != 0 {
		return ""
	}
	w := math.Abs(x) / most * 98
	left, class := 100.0, "plus"
	if x < 0 {
		left, class = 100-w, "minus"
	}
	return template.HTML(fmt.Sprintf(`<svg class="bar" viewBox="0 0 200 14" width="200" height="14" aria-hidden="true"><rect class="%s" x="%.1f" y="1" width="%.1f" height="12"/><path d="M100 0V14"/></svg>`,
		class, left, w)) //nolint:gosec // numbers alone
}
