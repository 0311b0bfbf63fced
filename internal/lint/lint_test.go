// Package lint keeps the rules of the house that a compiler does not know: who may import whom, and what the pure rooms may
// not touch.
package lint

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// rows of the house, from the top. A package imports only from rows below its own; packages named together on one line are
// one room and may know one another in the order written: the left one imports the right one.
var rows = [][][]string{
	{{"cmd/howdah"}},
	{{"scheduler"}, {"internal/web"}},
	{{"jobs"}},
	{{"internal/engine"}},
	{{"preprocess"}, {"train"}, {"eval/report", "eval"}},
	{{"hdfsio/shard", "hdfsio/rowfile", "hdfsio/faultfs", "hdfsio"}},
	{{"internal/table"}, {"internal/sketch"}, {"internal/onnx"}, {"internal/expr"}, {"internal/kernel"}, {"internal/strictyaml"}, {"internal/spelling"}, {"internal/splitmix"}},
}

// onGround lists who on the lowest row may know whom: everything there may use table and kernel, which know nobody.
var onGround = map[string][]string{
	"internal/onnx":       {"internal/kernel", "internal/table"},
	"internal/expr":       {"internal/table", "internal/kernel", "internal/spelling"},
	"internal/strictyaml": {"internal/spelling"},
	"internal/sketch":     {"internal/table", "internal/kernel"},
}

// pure rooms open no file, read no clock, draw from no global random source and log nothing.
var pure = []string{"internal/table", "internal/sketch", "internal/onnx", "internal/kernel", "internal/splitmix", "internal/expr", "preprocess", "train", "eval"}

// impure packages, and those of which only a part is.
var impure = []string{"os", "os/exec", "net", "net/http", "log", "log/slog", "math/rand", "math/rand/v2", "crypto/rand", "io/ioutil", "howdah/hdfsio"}

// testSupport packages may be imported by tests only.
var testSupport = []string{"internal/hadooptest", "internal/onnxtest", "hdfsio/fstest", "hdfsio/faultfs"}

type pkg struct {
	ImportPath string
	Imports    []string
	GoFiles    []string
	Dir        string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,GoFiles,Dir", "howdah/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 10 {
		t.Fatalf("only %d packages found", len(all))
	}
	return all
}

// place finds a package's row, room and place in the room.
func place(name string) (row, room, at int, ok bool) {
	for r := range rows {
		for k, members := range rows[r] {
			if i := slices.Index(members, name); i >= 0 {
				return r, k, i, true
			}
		}
	}
	return 0, 0, 0, false
}

func TestImportOrder(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, "howdah/")
		row, room, at, ok := place(name)
		if !ok {
			if len(p.GoFiles) > 0 && !slices.Contains(testSupport, name) && !isGenerator(name) {
				t.Errorf("%s has no place in the house: give it one in internal/lint and in docs/architecture.md", name)
			}
			continue
		}
		for _, i := range p.Imports {
			other, ours := strings.CutPrefix(i, "howdah/")
			if !ours {
				continue
			}
			r, k, j, ok := place(other)
			switch {
			case !ok:
				t.Errorf("%s imports %s, which has no place in the house", name, other)
			case r > row, r == row && k == room && j > at, slices.Contains(onGround[name], other):
			default:
				t.Errorf("%s imports %s, which does not lie below it", name, other)
			}
		}
	}
}

// isGenerator tells programs that go generate runs.
func isGenerator(name string) bool {
	return slices.Contains([]string{"gen", "asm"}, path.Base(name)) || strings.HasPrefix(name, "bench/")
}

func TestPureRooms(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, "howdah/")
		if !slices.Contains(pure, name) {
			continue
		}
		for _, i := range p.Imports {
			if slices.Contains(impure, i) || strings.HasPrefix(i, "howdah/hdfsio/") {
				t.Errorf("%s imports %s: a pure room may not", name, i)
			}
		}
		out, err := exec.CommandContext(t.Context(), "grep", append([]string{"-n", `time\.Now()\|time\.Since(`}, files(p)...)...).Output()
		if len(out) > 0 {
			t.Errorf("%s reads the clock:\n%s", name, out)
		}
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
	}
}

// TestNoFusedProducts holds the pure rooms to sums whose products are rounded first. On arm64 (and wherever else it may) the
// compiler makes one instruction of x*y + z, with one rounding, and so other bits than here; float64(x*y) + z forbids it.
func TestNoFusedProducts(t *testing.T) {
	t.Parallel()
	args := []string{"build", "-gcflags=-S"}
	for _, p := range pure {
		args = append(args, "howdah/"+p)
	}
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0")
	listing, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, listing[max(0, len(listing)-2000):])
	}
	lines := strings.Split(string(listing), "\n")
	if len(lines) < 10_000 {
		t.Fatalf("only %d lines of assembly", len(lines))
	}
	fused := regexp.MustCompile(`\(([^()]*\.go:\d+)\)\s+FN?M(ADD|SUB)[SD]\s`)
	seen := map[string]bool{}
	for _, l := range lines {
		if m := fused.FindStringSubmatch(l); m != nil && !seen[m[1]] {
			seen[m[1]] = true
			t.Errorf("%s: a product is added without being rounded first: write float64(x*y) + z", m[1])
		}
	}
}

// TestNoLooseFunctions keeps the functions out of the pure rooms whose last bits depend on the machine: package math has them
// in assembly here and in Go there.
func TestNoLooseFunctions(t *testing.T) {
	t.Parallel()
	loose := regexp.MustCompile(`\bmath\.(Exp|Exp2|Expm1|Log|Log2|Log10|Log1p|Sin|Cos|Tan|Sinh|Cosh|Tanh|Asin|Acos|Atan|Atan2|Asinh|Acosh|Atanh|Erf|Erfc|Gamma|Lgamma|Hypot|Cbrt|Sincos)\(`)
	for _, p := range packages(t) {
		if !slices.Contains(pure, strings.TrimPrefix(p.ImportPath, "howdah/")) {
			continue
		}
		for _, name := range p.GoFiles {
			b, err := os.ReadFile(path.Join(p.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			for i, l := range strings.Split(string(b), "\n") {
				code, _, _ := strings.Cut(l, "//")
				if f := loose.FindString(code); f != "" {
					t.Errorf("%s/%s:%d: %s...) gives other bits on other machines; internal/kernel has its like", p.ImportPath, name, i+1, f)
				}
			}
		}
	}
}

func files(p pkg) []string {
	var out []string
	for _, f := range p.GoFiles {
		out = append(out, path.Join(p.Dir, f))
	}
	return append(out, "/dev/null")
}
