package jobs

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"howdah/internal/strictyaml"
	"howdah/preprocess"
)

func TestSchemaIsCurrent(t *testing.T) {
	t.Parallel()
	golden(t, filepath.Join("schema", "howdah.schema.json"), Schema())
}

func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource("howdah.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("howdah.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func plainValue(t *testing.T, file string, src []byte) any {
	t.Helper()
	d := strictyaml.Parse(file, src)
	if d.Root == nil {
		t.Fatal(d.Err())
	}
	return d.Root.Plain()
}

// Every job file that loads fits the schema, in short and in long forms.
func TestSchemaTakesGoodFiles(t *testing.T) {
	t.Parallel()
	s := compiledSchema(t)
	check := func(name string, src []byte) {
		if _, err := Load(name, src); err != nil {
			t.Errorf("%s does not load: %v", name, err)
		}
		if err := s.Validate(plainValue(t, name, src)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, src := range recipes {
		check(name, []byte(src))
	}
	for _, pattern := range []string{"examples/*.yaml", "testdata/init/*.yaml", "testdata/explain/*.txt"} {
		for _, file := range globbed(t, pattern) {
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			check(file, src)
		}
	}
	// Each kind of preprocessing, by its name and with its options.
	for _, k := range preprocess.Kinds() {
		if k.Slot == preprocess.SlotParts {
			continue
		}
		forms := []string{k.Name, "{" + k.Name + ": {}}"}
		switch k.Name {
		case "clip":
			forms = []string{"{min: 0, max: 1}", "{quantiles: [0.01, 0.99]}"}
		case "bucketize":
			forms = []string{"{bucketize: {quantiles: 10}}", "{bucketize: [0, 1, 2.5]}"}
		case "hash":
			forms = []string{"{hash: {buckets: 10, signed: true}}", "{hash: 10}"}
		case "constant":
			forms = []string{"{constant: 0}", "{constant: none}", "{constant: {value: 1.5}}"}
		}
		for _, f := range forms {
			check(string(k.Slot)+" "+f, []byte("name: x\ndata: {path: d}\ncolumns: {y: {role: label}}\nfeatures: [{columns: a, "+string(k.Slot)+": "+f+"}]\n"))
		}
	}
}

// The schema finds what an editor can find. Left to howdah validate is what depends on several keys at once.
func TestSchemaFindsMistakes(t *testing.T) {
	t.Parallel()
	s := compiledSchema(t)
	for _, name := range strings.Fields(`unknown-key unknown-key-inside unknown-key-far wrong-type number-for-text list-for-mapping version no-name
		bad-name no-data path-and-sources bad-shards bad-type-of-data unknown-role type-of-a-feature bad-duration split-method split-values
		feature-without-columns unknown-selection unknown-model unknown-loss unknown-optimizer early-stopping class-weights unknown-metric runtime several`) {
		file := filepath.Join("testdata", "bad", name+".yaml")
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(plainValue(t, file, src)); err == nil {
			t.Errorf("%s fits the schema", file)
		}
	}
}

// Every key of a job file is documented.
func TestEveryKeyIsDocumented(t *testing.T) {
	t.Parallel()
	keys := 0
	var walk func(typ reflect.Type, path string)
	walk = func(typ reflect.Type, path string) {
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			walk(typ.Elem(), path)
		case reflect.Struct:
			for i := range typ.NumField() {
				f := typ.Field(i)
				key := f.Tag.Get("yaml")
				if key == "" {
					continue
				}
				keys++
				if f.Tag.Get("doc") == "" {
					t.Errorf("%s has no doc", strictyaml.Join(path, key))
				}
				walk(f.Type, strictyaml.Join(path, key))
			}
		}
	}
	walk(reflect.TypeFor[Spec](), "")
	if keys < 80 {
		t.Errorf("only %d keys found", keys)
	}
	for _, k := range preprocess.Kinds() {
		if k.Doc == "" {
			t.Errorf("%s %s has no doc", k.Slot, k.Name)
		}
		for _, o := range k.Options {
			if o.Doc == "" {
				t.Errorf("%s %s: option %s has no doc", k.Slot, k.Name, o.Name)
			}
		}
	}
}
