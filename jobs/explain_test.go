package jobs

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fullJob says something about nearly every key, in short and in long forms.
const fullJob = `version: 1
name: full
home: hdfs:///howdah
schedule: {cron: "30 2 * * *", time_zone: America/New_York, catch_up: {policy: latest, window: 36h, tries: 3, strict: true}}
data:
  sources:
    - path: hdfs:///warehouse/flights/day={ds}/
    - {path: "hdfs:///warehouse/more flights/day={ds}/*.parquet"}
  window: {from: -60d, to: 0d, step: 1d}
  ready: {marker: _SUCCESS, settle: 2m}
  where: "arr_delay != nil and carrier != \"9E\""
  bad_shards: skip
  types: {zip: string, "a: b": string}
columns:
  late: {role: label, expr: "arr_delay > 15", type: binary, positive: "true"}
  flight_id: {role: id}
  day: {role: time}
  "odd: name": {role: ignore}
  ratio: {expr: "distance / air_time"}
split: {method: time, fractions: {train: 0.7, validation: 0.15, test: 0.15}, unit: hour}
features:
  - {columns: {type: number, except: [zip, "true"]}, missing: {constant: -1.5}, infinite: missing, clip: {quantiles: [0.001, 0.999]}, scale: [log1p, {min_max: {}}], indicator: false}
  - {columns: carrier, encode: one_hot}
  - {columns: [dest, tailnum], missing: keep, encode: {vocabulary: {min_count: 5, oov_buckets: 8}}, embedding: {dim: 8}}
  - {columns: day, date_parts: [month, day_of_week]}
  - {columns: {regex: "w_.*\\d", prefix: w_}, clip: {min: 0}, scale: none}
selection:
  - {method: variance, min: 0}
  - {method: correlation, max: 0.95}
  - {method: mutual_information, keep: 20}
model: {type: mlp, hidden: [64, 32], dropout: 0.1, embedding: {dim: 4}}
loss: {type: binary_cross_entropy, label_smoothing: 1e-7}
optimizer: {type: adam, learning_rate: 1e-3, schedule: {type: plateau, patience: 0, min_rate: 1.5e-8}, clip_norm: 1, bias_correction: false, l1: 0}
train: {epochs: 7, batch_size: 128, seed: 9007199254740993, early_stopping: {metric: auc, patience: 0, min_delta: 0.001, restore_best: false}, class_weights: {"true": 2, "false": 1}}
evaluate: {metrics: [auc, log_loss], threshold: 0.4, slices: [carrier, "odd: name"], confidence: 0.9}
promote: {mode: auto, require: [{metric: auc, at_least: 0.60}], nothing: null, empty: {}}
runtime: {workers: 3, memory: 64MiB, scratch: /tmp/x, kernel: portable}
`

// recipes are job files whose explanation must be the same recipe.
var recipes = map[string]string{
	"full":        fullJob,
	"least":       "name: least\ndata: {path: d}\ncolumns: {y: {role: label}}\n",
	"short forms": "name: s\ndata: {path: d}\ncolumns: {y: {role: label}}\nmodel: mlp\nloss: huber\noptimizer: {type: sgd, schedule: cosine, momentum: 0}\ntrain: {early_stopping: {}}\n",
	"weights":     "name: w\ndata: {path: d}\ncolumns: {y: {role: label, type: multiclass}}\ntrain: {class_weights: balanced}\n",
	"values":      "name: v\ndata: {path: d}\ncolumns: {y: {role: label, type: regression}}\nsplit: {method: column, column: side, values: {train: [1, 2.5, true], test: x}}\noptimizer: ftrl\n",
	"emptied":     "name: e\ndata: {path: d}\ncolumns: {y: {role: label}}\nselection: []\nfeatures: []\nmodel: {hidden: []}\n",
	"odd text":    "name: o\ndata: {path: \"d\\u00e9\\t#x: \\\"q\\\"\\\\\"}\ncolumns: {y: {role: label}, \"null\": {role: ignore}, \"007\": {role: id}, \" lead\": {role: ignore}, \"a\\nb\": {role: ignore}, \"\\u2028\": {role: ignore}, \"-\": {role: ignore}, \"1e5\": {role: ignore}, \"\\x85\": {role: ignore}, \"😀 b\": {role: ignore}}\n",
}

func explain(t *testing.T, j *Job) string {
	t.Helper()
	var b bytes.Buffer
	if err := j.Explain(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestExplainIsAJobFileOfTheSameRecipe(t *testing.T) {
	t.Parallel()
	for name, src := range recipes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := mustLoad(t, src)
			out := explain(t, j)
			again, err := Load("explained.yaml", []byte(out))
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if again.Spec.RecipeHash() != j.Spec.RecipeHash() {
				t.Errorf("another recipe\n%s", out)
			}
			if again.Spec.Home != j.Spec.Home || strings.Join(again.Spec.paths(), " ") != strings.Join(j.Spec.paths(), " ") || again.Spec.Runtime != j.Spec.Runtime {
				t.Errorf("paths or runtime differ\n%s", out)
			}
			strip := func(s string) string {
				var b strings.Builder
				for l := range strings.Lines(s) {
					text, _, _ := strings.Cut(strings.TrimRight(l, "\n"), "  # ")
					b.WriteString(strings.TrimRight(text, " ") + "\n")
				}
				return b.String()
			}
			if second := explain(t, again); strip(second) != strip(out) {
				t.Errorf("the explanation of the explanation differs:\n%s\n%s", out, second)
			}
		})
	}
}

func TestExplainGolden(t *testing.T) {
	t.Parallel()
	for name, sets := range map[string][]string{"full": {"train.epochs=3", "features[0].clip.quantiles[0]=0.01", "optimizer.schedule=step"}, "least": nil, "short forms": nil} {
		j, err := Load("job.yaml", []byte(recipes[name]), sets...)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, filepath.Join("testdata", "explain", strings.ReplaceAll(name, " ", "-")+".txt"), []byte(explain(t, j)))
	}
}

func TestExplainTellsOrigins(t *testing.T) {
	t.Parallel()
	j, err := Load("job.yaml", []byte("name: x\ndata: {path: d}\ncolumns:\n  y: {role: label}\nmodel: mlp\n"), "train.epochs=3")
	if err != nil {
		t.Fatal(err)
	}
	out := explain(t, j)
	for want, origin := range map[string]string{
		"name: x":      "job.yaml:1",
		"path: d":      "job.yaml:2",
		"type: mlp":    "job.yaml:5",
		"hidden: [64,": "default",
		"epochs: 3":    "--set train.epochs",
		"type: adam":   "default",
	} {
		found := false
		for l := range strings.Lines(out) {
			found = found || strings.Contains(l, want) && strings.HasSuffix(l, "# "+origin+"\n")
		}
		if !found {
			t.Errorf("no line %q with origin %s\n%s", want, origin, out)
		}
	}
}

// A default that is written out is the same recipe as one that is left out.
func TestRecipeWithDefaultsWrittenOut(t *testing.T) {
	t.Parallel()
	const least = "name: x\ndata: {path: d}\ncolumns: {y: {role: label}}\n"
	hash := mustLoad(t, least).Spec.RecipeHash()
	for _, more := range []string{"train: {epochs: 10, batch_size: 256}", "optimizer: adam", "optimizer: {type: adam, learning_rate: 0.001, beta_1: 0.9}",
		"split: {method: hash}", "selection: [{method: variance, min: 0}]", "runtime: {workers: 7}", "home: /elsewhere"} {
		if mustLoad(t, least+more).Spec.RecipeHash() != hash {
			t.Errorf("%s: another recipe", more)
		}
	}
	for _, more := range []string{"train: {epochs: 11}", "optimizer: sgd", "split: {seed: 1}", "selection: []", "data2: 1"} {
		j, err := Load("job.yaml", []byte(least+more))
		if err == nil && j.Spec.RecipeHash() == hash {
			t.Errorf("%s: the same recipe", more)
		}
	}
}

func TestExplainOfExamples(t *testing.T) {
	t.Parallel()
	for _, file := range globbed(t, "examples/*.yaml") {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		j, err := Load(file, src)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Load("explained.yaml", []byte(explain(t, j)))
		if err != nil || again.Spec.RecipeHash() != j.Spec.RecipeHash() {
			t.Errorf("%s: %v", file, err)
		}
	}
}
