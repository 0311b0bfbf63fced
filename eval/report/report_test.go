package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"howdah/eval"
	"howdah/internal/table"
)

// evaluation measures noise around the truth.
func evaluation(t *testing.T, task eval.Task, rows int, seed uint64) *eval.Evaluation {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	cfg := eval.Config{Task: task}
	base := eval.Baseline{Mean: 10, Priors: []float64{0.75, 0.25}}
	n := 1
	if task == eval.Multiclass {
		cfg.Classes = []string{"<b>cat</b>", "dog", "owl & \"eagle\"", "</script>"}
		base.Priors = []float64{0.25, 0.25, 0.25, 0.25}
		n = 4
	}
	b := &table.Encoded{Rows: rows}
	var logits []float32
	for i := range rows {
		b.IDs = append(b.IDs, uint64(i)+seed<<32)
		switch task {
		case eval.Binary:
			z := r.NormFloat64() - 1.3
			y := float32(0)
			if r.Float64() < 1/(1+math.Exp(-z)) {
				y = 1
			}
			b.Labels = append(b.Labels, y)
			logits = append(logits, float32(z+0.6*r.NormFloat64()))
		case eval.Multiclass:
			y := r.IntN(4)
			b.Labels = append(b.Labels, float32(y))
			for c := range n {
				z := r.NormFloat64()
				if c == y {
					z++
				}
				logits = append(logits, float32(z))
			}
		case eval.Regression:
			f := 10 + 3*r.NormFloat64()
			b.Labels = append(b.Labels, float32(f+r.NormFloat64()+0.3*math.Pow(r.NormFloat64(), 2)))
			logits = append(logits, float32(f))
		}
	}
	m := eval.NewMerger(cfg, base)
	p := eval.NewPart(cfg, base)
	if err := p.Update(b, logits); err != nil {
		t.Fatal(err)
	}
	if err := m.Add(p); err != nil {
		t.Fatal(err)
	}
	e, err := m.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// input is a report with everything in it.
func input(t *testing.T, task eval.Task) Input {
	in := Input{Job: "late-flights", Run: "20261101T013000-0400-a1", Version: "0.1", Started: "2026-11-01 01:30 EDT", Took: "12.4 s",
		Recipe: strings.Repeat("ab12", 16), Inputs: strings.Repeat("cd34", 16), Label: "late", Split: "by time: 80% train, 10% validation, 10% test",
		Model: "mlp 64-32, adam, learning rate 0.001", Files: 181, Rows: 165_000, Bytes: 7_340_000, Best: 7,
		Skipped: []SkippedShard{{"day=2013-02-03/part-0.parquet", "row group 2, column \"dep\": page checksum <does> not match"}},
		Removed: []Removed{{"arr_delay is missing", 4713}}, Facts: []Fact{{"Kernel", "fma"}},
		Warnings: []string{"feature \"dest\" has 3 values in 1 row each", "<script>alert(1)</script>"},
		Sides:    []Side{{"train", evaluation(t, task, 20000, 1)}, {"validation", evaluation(t, task, 3000, 2)}, {"test", evaluation(t, task, 3000, 3)}}}
	for i := range 10 {
		x := float64(i)
		v := map[string]float64{"log_loss": 0.5 - 0.02*x + 0.0018*x*x, "auc": 0.6 + 0.1*(1-math.Exp(-x/3)), "accuracy": 0.75 + 0.003*x}
		if task == eval.Regression {
			v = map[string]float64{"rmse": 3 - 0.2*x, "mae": 2 - 0.1*x, "r2": 0.1 * x}
		}
		in.Epochs = append(in.Epochs, Epoch{i + 1, 0.52 - 0.03*x + 0.0016*x*x, 0.001, v})
	}
	h := &eval.Histogram{Edges: []float64{0}}
	for i := range 20 {
		h.Edges = append(h.Edges, float64(i+1)*120)
		h.Weights = append(h.Weights, math.Exp(-math.Pow(float64(i)-8, 2)/20)*1000)
	}
	in.Features = []Feature{
		{Name: "distance", Type: "double", Steps: []string{"missing: median", "clip 0.1% to 99.9%", "standard"}, Missing: 0.0123, Distinct: 213,
			Numbers: &Numbers{Mean: 1048.4, SD: 735.9, Min: 80, Max: 4983, Quantiles: []Quantile{{0, 80}, {0.25, 509}, {0.5, 888}, {0.75, 1389}, {1, 4983}}, Histogram: h},
			Kept:    true, Scores: map[string]float64{"mutual_information": 0.0132, "variance": 1}},
		{Name: "sched_dep_time", Type: "int32", Steps: []string{"standard"}, Distinct: 1021, Kept: true,
			Numbers: &Numbers{Mean: 1344.25, SD: 467.3, Min: 106, Max: 2359, Quantiles: []Quantile{{0, 106}, {0.25, 906}, {0.5, 1359}, {0.75, 1729}, {1, 2359}}},
			Scores:  map[string]float64{"mutual_information": 0.0432, "variance": 1}},
		{Name: "carrier=UA", Column: "carrier", Type: "string", Steps: []string{"one_hot"}, Distinct: 16, Kept: true,
			Top: []Category{{"UA", 58665}, {"B6", 54635}, {"EV", 54173}, {"DL", 48110}, {"AA", 32729}}},
		{Name: "year", Type: "int32", Distinct: 1, Reason: "variance 0 is not above 0", Numbers: &Numbers{Mean: 2013, SD: math.NaN(), Min: 2013, Max: math.Inf(1)},
			Scores: map[string]float64{"variance": 0}},
	}
	for i := range 12 {
		in.Weights = append(in.Weights, Weight{fmt.Sprintf("input_%d", i), math.Cos(float64(i)) * float64(i)})
	}
	return in
}

func render(t *testing.T, in Input) string {
	t.Helper()
	var b bytes.Buffer
	if err := Render(&b, in); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPage(t *testing.T) {
	t.Parallel()
	in := input(t, eval.Binary)
	html := render(t, in)
	for _, want := range []string{
		"<title>late-flights · 20261101T013000-0400-a1</title>",
		`On 3,000 test rows the model beats the trivial model, which predicts the class shares of the training rows: log loss`,
		"&lt;script&gt;alert(1)&lt;/script&gt;", // a warning
		"row group 2, column &#34;dep&#34;: page checksum &lt;does&gt; not match",
		"181 files, 7.3 MB, 165,000 rows", "4,713: arr_delay is missing", "ab12ab12ab12",
		"missing: median → clip 0.1% to 99.9% → standard", "3 of 4 are kept", "variance 0 is not above 0", "UA: 58,665",
		`<tr class="best"><th scope="row" class="n">7 (kept)</th>`,
		`<svg class="spark"`, `<td class="n">1,048</td>`,
	} {
		if !strings.Contains(html, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	for _, bad := range []string{"<script>alert", "NaN", "Infinity", "ZgotmplZ", "<no value>", "%!", `src=`, `style="`} {
		if strings.Contains(strings.ReplaceAll(strings.ReplaceAll(html, library, ""), script, ""), bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	if again := render(t, in); again != html {
		t.Error("the same input gives another page")
	}
}

// What is in the data cannot leave its script element, and the policy names exactly what the page holds.
func TestPolicy(t *testing.T) {
	t.Parallel()
	html := render(t, input(t, eval.Multiclass))
	if n := strings.Count(html, "<script"); n != 3 {
		t.Errorf("%d script elements, want 3", n)
	}
	if n := strings.Count(html, "</script"); n != 3 {
		t.Errorf("%d ends of script elements, want 3", n)
	}
	for _, s := range []string{library, script} {
		if !strings.Contains(html, "<script>"+s+"</script>") || !strings.Contains(html, strings.ReplaceAll(sourceHash(s), "+", "&#43;")) {
			t.Error("a script is not in the page as its hash says")
		}
	}
	for _, s := range []string{library, script, style, libraryStyle} {
		for _, bad := range []string{"</script", "</style", "@import", "url("} {
			if strings.Contains(s, bad) {
				t.Errorf("an asset holds %q", bad)
			}
		}
	}
	if strings.Contains(html, "unsafe") {
		t.Error("the policy allows something unsafe")
	}
}

// The library is the version that package.json and its lock pin; sh assets/refresh.sh --check compares every byte.
func TestLibraryVersion(t *testing.T) {
	t.Parallel()
	var want struct{ Dependencies map[string]string }
	var lock struct {
		Packages map[string]struct{ Version, Integrity, License string }
	}
	for name, v := range map[string]any{"assets/package.json": &want, "assets/package-lock.json": &lock} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, v); err != nil {
			t.Fatal(err)
		}
	}
	version := want.Dependencies["uplot"]
	p := lock.Packages["node_modules/uplot"]
	if version == "" || p.Version != version || p.Integrity == "" || p.License != "MIT" {
		t.Errorf("package.json has %q, the lock %+v", version, p)
	}
	if !strings.Contains(library[:100], "(v"+version+")") {
		t.Errorf("the committed library is not version %s: %s", version, library[:60])
	}
	licence, err := os.ReadFile("assets/uPlot.LICENSE")
	if err != nil || !strings.Contains(string(licence), "MIT License") {
		t.Errorf("the licence is missing: %v", err)
	}
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	for want, in := range map[string]Input{
		"there is no evaluation":                 {Job: "a"},
		"the validation rows have no evaluation": {Job: "a", Sides: []Side{{Name: "validation"}}},
	} {
		if err := Render(new(bytes.Buffer), in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// The least input gives a page without empty sections.
func TestLeast(t *testing.T) {
	t.Parallel()
	html := render(t, Input{Job: "small", Sides: []Side{{"train", evaluation(t, eval.Regression, 1, 1)}}})
	for _, bad := range []string{`id="training"`, `id="features"`, `id="weights"`, "Warnings", "ZgotmplZ"} {
		if strings.Contains(html, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		m     eval.Metric
		class string
	}{
		{eval.Metric{Name: "auc", Value: 0.7, Baseline: 0.5, Gain: 0.2, GainLow: 0.1, GainHigh: 0.3, Method: eval.MethodDeLong}, "good"},
		{eval.Metric{Name: "auc", Value: 0.55, Baseline: 0.5, Gain: 0.05, GainLow: -0.1, GainHigh: 0.2, Method: eval.MethodDeLong}, "unclear"},
		{eval.Metric{Name: "auc", Value: 0.4, Baseline: 0.5, Gain: -0.1, GainLow: -0.15, GainHigh: -0.05, Method: eval.MethodDeLong}, "bad"},
		// The metric's own interval holds the baseline, that of the paired difference does not hold 0.
		{eval.Metric{Name: "log_loss", Value: 0.4, Low: 0.2, High: 0.6, Baseline: 0.5, Gain: 0.1, GainLow: 0.05, GainHigh: 0.15, Method: eval.MethodClusters}, "good"},
		{eval.Metric{Name: "log_loss", Value: 0.6, Baseline: 0.5, Gain: -0.1, GainLow: -0.15, GainHigh: -0.05, Method: eval.MethodClusters}, "bad"},
		{eval.Metric{Name: "log_loss", Value: 0.4, Baseline: 0.5, Gain: 0.1, GainLow: 0.1, GainHigh: 0.1, Method: eval.MethodNone}, "unclear"},
		{eval.Metric{Name: "calibration_error", Value: 0.04, Baseline: 0.001, Gain: -0.039, GainLow: -0.05, GainHigh: -0.03, Method: eval.MethodBootstrap}, ""},
		{eval.Metric{Name: "recall", Value: 0.4, Baseline: 0, Gain: 0.4, GainLow: 0.3, GainHigh: 0.5, Method: eval.MethodBootstrap}, ""},
	} {
		if class, _ := compare(&c.m); class != c.class {
			t.Errorf("%+v is %q, want %q", c.m, class, c.class)
		}
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for x, want := range map[float64]string{0: "0", 1: "1", -2.5: "-2.500", 0.12345: "0.1235", 1234: "1,234", 1234.5: "1,234", 12345.6: "12,346", 1e15: "1.00e+15",
		0.00001: "1.00e-05", math.Inf(1): "–", 999.96: "1000.0", 2013: "2,013", 100: "100", 1234567: "1,234,567"} {
		if got := number(x); got != want {
			t.Errorf("number(%v) = %q, want %q", x, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 7_340_000: "7.3 MB", 1_500: "1.5 kB"} {
		if got := size(n); got != want {
			t.Errorf("size(%d) = %q, want %q", n, got, want)
		}
	}
	for x, want := range map[float64]string{0: "0%", 0.5: "50.0%", 1: "100.0%", 0.0001: "<0.1%", 0.9999: ">99.9%", math.NaN(): "–"} {
		if got := share(x); got != want {
			t.Errorf("share(%v) = %q, want %q", x, got, want)
		}
	}
	if got := count(-1234567); got != "-1,234,567" {
		t.Errorf("count: %q", got)
	}
}
