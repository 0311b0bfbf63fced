package spelling

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, want string
		from       []string
	}{
		{"inptu", "input", []string{"output", "input"}},
		{"aeg", "age", []string{"income", "age"}},
		{"EPOCH", "epochs", []string{"epochs", "seed"}},
		{"lable", "label", []string{"label", "table"}},
		{"x", "", []string{"carrier"}},
		{"gewicht", "", []string{"weight", "height"}},
		{"grüße", "grüse", []string{"grüse", "weite"}},
		{"", "", []string{"label"}},
		{strings.Repeat("a", 101), "", []string{strings.Repeat("a", 101)}},
	} {
		if got := Nearest(c.name, c.from); got != c.want {
			t.Errorf("%q: got %q, want %q", c.name, got, c.want)
		}
	}
}
