// Numbers and names as people read them.

package report

import (
	"math"
	"strconv"
	"strings"
)

var nan = math.NaN()

const dash = "–"

// number shows four significant digits.
func number(x float64) string {
	a := math.Abs(x)
	switch {
	case math.IsNaN(x) || math.IsInf(x, 0):
		return dash
	case x == 0:
		return "0"
	case a >= 1e15 || a < 1e-4:
		return strconv.FormatFloat(x, 'e', 2, 64)
	case a >= 1000:
		if x == math.Trunc(x) {
			return group(strconv.FormatFloat(x, 'f', 0, 64))
		}
		return group(strconv.FormatFloat(x, 'f', max(0, 3-int(math.Log10(a))), 64))
	}
	digits := 3 - int(math.Floor(math.Log10(a)))
	s := strconv.FormatFloat(x, 'f', digits, 64)
	if strings.Contains(s, ".") && x == math.Trunc(x) {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// group sets thin thousands apart by commas.
func group(s string) string {
	whole, rest, _ := strings.Cut(s, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if rest != "" {
		rest = "." + rest
	}
	return sign + whole + rest
}

// count shows a whole number.
func count(n int64) string { return group(strconv.FormatInt(n, 10)) }

// share shows a share of 1 in per cent.
func share(x float64) string {
	switch {
	case math.IsNaN(x) || math.IsInf(x, 0):
		return dash
	case x == 0:
		return "0%"
	case x < 0.001:
		return "<0.1%"
	case x > 0.999 && x < 1:
		return ">99.9%"
	}
	return strconv.FormatFloat(100*x, 'f', 1, 64) + "%"
}

// size shows a number of bytes.
func size(n int64) string {
	x, unit := float64(n), 0
	for units := "kMGTP"; x >= 1000 && unit < len(units); unit++ {
		x /= 1000
	}
	if unit == 0 {
		return count(n) + " B"
	}
	return strconv.FormatFloat(x, 'f', 1, 64) + " " + "kMGTP"[unit-1:unit] + "B"
}

func shortHash(s string) string {
	if len(s) > 12 {
		return s[:12]
	}
	return s
}

// metricLabel is a metric's name in words.
func metricLabel(name string) string {
	if l, ok := map[string]string{"auc": "AUC", "pr_auc": "average precision", "f1": "F1", "f1_weighted": "F1, weighted", "precision_weighted": "precision, weighted",
		"recall_weighted": "recall, weighted", "mse": "MSE", "rmse": "RMSE", "mae": "MAE", "r2": "R²", "brier": "Brier score"}[name]; ok {
		return l
	}
	return strings.ReplaceAll(name, "_", " ")
}

// shade is a class of the style sheet for a share between 0 and 1: s0 to s9.
func shade(x float64) string {
	if !(x > 0) {
		return "s0"
	}
	return "s" + strconv.Itoa(min(int(x*10), 9))
}
