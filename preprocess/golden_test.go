package preprocess

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"howdah/internal/table"
)

var update = flag.Bool("update-transformer", false, "write testdata/transformer-1.json anew")

// TestOldTransformerIsRead: fitted preprocessing of each released format stays readable and means the same.
func TestOldTransformerIsRead(t *testing.T) {
	t.Parallel()
	const name = "testdata/transformer-1.json"
	if *update {
		p := compile(t, nil, Options{})
		tr, err := p.Transformer(fit(t, p, units(1, 300)), nil)
		if err != nil {
			t.Fatal(err)
		}
		b, err := tr.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := LoadTransformer(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := tr.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, bytes.TrimSpace(want)) {
		t.Errorf("reads as\n%s\nwant\n%s", got, want)
	}
	b := wholeBatch(64, 3, true)
	var out table.Encoded
	if err := tr.Apply(b, &out); err != nil {
		t.Fatal(err)
	}
	sameBits(t, tr.Layout(), "graph", graphOf(t, tr, b), &out)
}
