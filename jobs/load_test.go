package jobs

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"howdah/internal/strictyaml"
)

// wants splits a file of testdata/bad into the messages that its first lines tell (`# want: 4:1: modle: unknown field`) and
// the rest. The messages are without the file's name, in order.
func wants(src []byte) (want []string, rest []byte) {
	for {
		line, tail, _ := bytes.Cut(src, []byte("\n"))
		text, ok := strings.CutPrefix(string(line), "# want: ")
		if !ok {
			return want, src
		}
		want, src = append(want, text), tail
	}
}

func messages(t *testing.T, file string, src []byte) []string {
	t.Helper()
	_, err := Load(file, src)
	var ps strictyaml.Problems
	if !errors.As(err, &ps) {
		t.Fatalf("%s: got %v", file, err)
	}
	if ClassOf(err) != UserError {
		t.Errorf("%s: class %v", file, ClassOf(err))
	}
	var out []string
	for _, p := range ps {
		out = append(out, strings.TrimPrefix(strings.TrimPrefix(p.String(), file+":"), " "))
	}
	return out
}

// Each file has one mistake or a few, and says which messages it wants for them, in order.
func TestBadJobFiles(t *testing.T) {
	t.Parallel()
	for _, file := range globbed(t, "testdata/bad/*.yaml") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want, rest := wants(src)
			if *update {
				for range 2 { // the header moves the lines
					var b bytes.Buffer
					for _, m := range messages(t, "bad.yaml", src) {
						b.WriteString("# want: " + m + "\n")
					}
					src = append(b.Bytes(), rest...)
				}
				if err := os.WriteFile(file, src, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if len(want) == 0 {
				t.Fatal("the file does not say which message it wants")
			}
			if got := messages(t, "bad.yaml", src); strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

// What is no job file at all.
func TestNotAJobFile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		src  []byte
		want string
	}{
		"empty":          {nil, "1:1: the file is empty; a job needs at least a name, data.path and a column with role: label"},
		"blank":          {[]byte(" \n\t\n"), "1:1: the file is empty; a job needs at least a name, data.path and a column with role: label"},
		"Parquet":        {[]byte("PAR1\x15\x04\x15\x00\xff\xfe"), "not text: a job file is YAML in UTF-8"},
		"Latin-1":        {[]byte("name: caf\xe9\n"), "not text: a job file is YAML in UTF-8"},
		"ten megabytes":  {bytes.Repeat([]byte("a: b\n"), 2<<20), "a job file of 10485760 bytes; at most 1048576 are read: is this the right file?"},
		"many values":    {[]byte("a: [" + strings.Repeat("0,", 200_000) + "0]"), "400005 words and signs; at most 30000 are read: is this the right file?"},
		"many lines":     {[]byte(strings.Repeat("a: 1\n", 150_000)), "450000 words and signs; at most 30000 are read: is this the right file?"},
		"many dashes":    {[]byte(strings.Repeat("- ", 20_000)), "nested more than 64 levels deep"},
		"deep":           {[]byte("a: " + strings.Repeat("[", 100) + strings.Repeat("]", 100)), "the document unfolds too far: at most 100000 values, 64 levels deep"},
		"very deep":      {[]byte("a: " + strings.Repeat("[", 100_000)), "nested 100000 levels deep; at most 64 are read"},
		"deep by blocks": {[]byte(blocks(500)), "the document unfolds too far: at most 100000 values, 64 levels deep"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := messages(t, "job.yaml", c.src)
			if len(got) != 1 || !strings.HasSuffix(got[0], c.want) {
				t.Errorf("got %.300q, want %q", got, c.want)
			}
		})
	}
}

// blocks is a mapping in a mapping, so many levels deep.
func blocks(levels int) string {
	var b strings.Builder
	for i := range levels {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	b.WriteString(strings.Repeat(" ", levels) + "b: 1\n")
	return b.String()
}

func TestBadSets(t *testing.T) {
	t.Parallel()
	const least = "name: x\ndata: {path: d}\ncolumns: {y: {role: label}}\nselection: [{method: variance}]\n"
	for set, want := range map[string]string{
		"train.epochs":          "--set train.epochs: want path=value, such as --set train.epochs=5",
		"=5":                    "--set =5: want path=value, such as --set train.epochs=5",
		"train.epochs=ten":      `--set train.epochs: want a whole number, have "ten"`,
		"trian.epochs=5":        `--set trian.epochs: trian: unknown field (did you mean "train"?)`,
		"train.epoch=5":         `--set train.epoch: unknown field (did you mean "epochs"?)`,
		"selection[3].min=1":    "--set selection[3].min: there is no item 3; the list has 1",
		"model=[":               "--set model:1:1: sequence end token ']' not found",
		"train.batch_size=-4":   "--set train.batch_size: want a whole number of at least 1, have -4",
		"evaluate.metrics=[ac]": "--set evaluate.metrics: evaluate.metrics[0]: want one of ",
	} {
		_, err := Load("job.yaml", []byte(least), set)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", set, err, want)
		}
	}
	j, err := Load("job.yaml", []byte(least), "train.epochs=5", "selection[0].min=0.5", "model=mlp", "home=")
	if err != nil {
		t.Fatal(err)
	}
	if j.Spec.Train.Epochs != 5 || *j.Spec.Selection[0].Min != 0.5 || j.Spec.Model.Type != "mlp" {
		t.Errorf("%+v", j.Spec)
	}
}

// FuzzLoad: whatever the bytes, Load returns a job or its mistakes; a job can be explained, and the explanation is the same
// recipe.
func FuzzLoad(f *testing.F) {
	for _, src := range recipes {
		f.Add([]byte(src))
	}
	for _, pattern := range []string{"testdata/bad/*.yaml", "examples/*.yaml"} {
		for _, file := range globbed(f, pattern) {
			src, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(src)
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		j, err := Load("job.yaml", src)
		if err != nil {
			var ps strictyaml.Problems
			if !errors.As(err, &ps) || len(ps) == 0 {
				t.Fatalf("an error that is no list of problems: %v", err)
			}
			return
		}
		var out bytes.Buffer
		if err := j.Explain(&out); err != nil {
			t.Fatal(err)
		}
		again, err := Load("explained.yaml", out.Bytes())
		if err != nil {
			t.Fatalf("%v\n%s", err, out.Bytes())
		}
		if again.Spec.RecipeHash() != j.Spec.RecipeHash() {
			t.Fatalf("another recipe\n%s", out.Bytes())
		}
	})
}
