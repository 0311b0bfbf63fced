package strictyaml

import (
	"strings"
	"testing"
	"time"
)

type inner struct {
	Epochs int           `yaml:"epochs"`
	Rate   float64       `yaml:"rate"`
	Wait   time.Duration `yaml:"wait"`
}

type choice struct{ Name string }

type fieldErr struct{ path, msg string }

func (e *fieldErr) Error() string           { return e.path + ": " + e.msg }
func (e *fieldErr) Field() (string, string) { return e.path, e.msg }

func (c *choice) UnmarshalJob(v any) error {
	switch x := v.(type) {
	case string:
		c.Name = x
		return nil
	case map[string]any:
		return &fieldErr{"name", "must not be there"}
	}
	return &fieldErr{"", "want a name"}
}

type doc struct {
	Input  string            `yaml:"input"`
	Train  inner             `yaml:"train"`
	List   []inner           `yaml:"list"`
	Scale  choice            `yaml:"scale"`
	Labels map[string]string `yaml:"labels"`
}

func TestAllProblemsAtOnceWithPlaces(t *testing.T) {
	t.Parallel()
	src := `inptu: x
train:
  epochs: ten
  rate: .nan
  epochs: 3
  wait: soon
list:
  - {epochs: 1}
  - {epoch: 2}
scale:
  name: a
labels: [1]
`
	d := Parse("job.yaml", []byte(src))
	var x doc
	d.Decode(&x)
	err := d.Err()
	if err == nil {
		t.Fatal("no error")
	}
	want := []string{
		`job.yaml:1:1: inptu: unknown field (did you mean "input"?)`,
		`job.yaml:3:11: train.epochs: want a whole number, have "ten"`,
		`job.yaml:4:9: train.rate: want a finite number, have NaN`,
		`job.yaml:5:3: train.epochs: duplicate key; the first is on line 3`,
		`job.yaml:6:9: train.wait: want a duration such as 90s, 15m, 3h or 60d, have "soon"`,
		`job.yaml:9:6: list[1].epoch: unknown field (did you mean "epochs"?)`,
		`job.yaml:11:9: scale.name: must not be there`,
		`job.yaml:12:9: labels: want a mapping (key: value), have a list`,
	}
	if got := err.Error(); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

func TestDecodeOriginsAndSet(t *testing.T) {
	t.Parallel()
	d := Parse("job.yaml", []byte("input: a\ntrain: {epochs: 2, wait: 60d}\nscale: standard\n"))
	if err := d.Set("train.epochs=7"); err != nil {
		t.Fatal(err)
	}
	if err := d.Set("labels.team=core"); err != nil {
		t.Fatal(err)
	}
	x := doc{Train: inner{Rate: 0.5}}
	d.Decode(&x)
	if err := d.Err(); err != nil {
		t.Fatal(err)
	}
	if x.Train.Epochs != 7 || x.Train.Rate != 0.5 || x.Train.Wait != 60*24*time.Hour || x.Scale.Name != "standard" || x.Labels["team"] != "core" {
		t.Errorf("decoded %+v", x)
	}
	for path, want := range map[string]string{"input": "job.yaml:1", "train.epochs": "--set train.epochs", "train.rate": "default", "scale": "job.yaml:3"} {
		if got := d.Origin(path); got != want {
			t.Errorf("origin of %s: %q, want %q", path, got, want)
		}
	}
}

func TestHostileDocuments(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ src, want string }{
		"empty":    {"", "the file is empty"},
		"comments": {"# nothing\n", "only comments"},
		"binary":   {"a\x00b", "not text"},
		"latin1":   {"a: \xff", "not text"},
		"huge":     {strings.Repeat("#", MaxBytes+1), "at most"},
		"list":     {"- a\n", "want a mapping"},
		"deep":     {"input: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000), "nested"},
		"bomb": {"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n" +
			"e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n", "unfolds too far"},
		"syntax": {"input: [1, 2\n", ":1:"},
		"two":    {"input: a\n---\ninput: b\n", "a second document"},
	} {
		d := Parse("job.yaml", []byte(c.src))
		var x doc
		d.Decode(&x)
		if err := d.Err(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q in it", name, err, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("input: a\ntrain: {epochs: 2}\nlist:\n- epochs: 1\n"))
	f.Add([]byte("a: &x {b: *x}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		d := Parse("job.yaml", data)
		var x doc
		d.Decode(&x)
		_ = d.Err()
	})
}

// The forms of numbers that YAML's core schema knows; what is in quotes stays text.
func TestNumbers(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]any{
		"1": int64(1), "-7": int64(-7), "1.5": 1.5, "1e-3": 1e-3, "1E5": 1e5, "-2e+2": -200.0, "1.0e-08": 1e-8, ".5": 0.5, "5.": 5.0,
		`"1e-3"`: "1e-3", "'1e5'": "1e5", "1e": "1e", "e5": "e5", "1e5x": "1e5x", "2013-01-05": "2013-01-05", "1.2.3": "1.2.3", "1e999": "1e999",
	} {
		d := Parse("job.yaml", []byte("a: "+text+"\n"))
		if d.Root == nil {
			t.Errorf("%s: %v", text, d.Err())
			continue
		}
		if got := d.Root.Get("a").Plain(); got != want {
			t.Errorf("%s: have %T %v, want %T %v", text, got, got, want, want)
		}
	}
}
