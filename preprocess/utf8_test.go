package preprocess

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
)

// TestUTF8AsPython: the convention is Python's errors="replace", since that is what many clients in service do.
func TestUTF8AsPython(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/utf8.json")
	if err != nil {
		t.Fatal(err)
	}
	var o struct{ Cases [][2]string }
	if err := json.Unmarshal(data, &o); err != nil {
		t.Fatal(err)
	}
	if len(o.Cases) < 300 {
		t.Fatalf("the file has %d cases", len(o.Cases))
	}
	for _, c := range o.Cases {
		b, err := hex.DecodeString(c[0])
		if err != nil {
			t.Fatal(err)
		}
		if got := utf8Text(b); got != c[1] {
			t.Errorf("%s: %q, want %q", c[0], got, c[1])
		}
	}
}
