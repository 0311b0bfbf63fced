package hdfsio_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"howdah/hdfsio"
)

// tree is a warehouse as Spark leaves it.
func tree(t *testing.T) hdfsio.FS {
	t.Helper()
	m := hdfsio.NewMemory()
	for _, n := range []string{
		"/w/flights/_SUCCESS", "/w/flights/.part-0.parquet.crc",
		"/w/flights/day=2013-01-01/part-0.parquet", "/w/flights/day=2013-01-01/part-1.parquet", "/w/flights/day=2013-01-01/_SUCCESS",
		"/w/flights/day=2013-01-02/part-0.parquet",
		"/w/flights/day=2013-02-01/part-0.parquet",
		"/w/flights/_temporary/0/part-9.parquet",
		"/w/other/a.parquet", "/w/other/b.parquet", "/w/other/b.txt", "/w/other/x[1].parquet", "/w/other/naïve.parquet",
		"/w/deep/a/b/c/d.parquet", "/w/deep/d.parquet", "/w/empty/_SUCCESS",
	} {
		if err := hdfsio.WriteFile(t.Context(), m, n, []byte(n)); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func TestGlob(t *testing.T) {
	t.Parallel()
	m := tree(t)
	for pattern, want := range map[string]string{
		"/w/flights":                                "day=2013-01-01/part-0.parquet day=2013-01-01/part-1.parquet day=2013-01-02/part-0.parquet day=2013-02-01/part-0.parquet",
		"/w/flights/":                               "day=2013-01-01/part-0.parquet day=2013-01-01/part-1.parquet day=2013-01-02/part-0.parquet day=2013-02-01/part-0.parquet",
		"/w/flights/day=2013-01-01/":                "day=2013-01-01/part-0.parquet day=2013-01-01/part-1.parquet",
		"/w/flights/day=2013-01-*":                  "day=2013-01-01/part-0.parquet day=2013-01-01/part-1.parquet day=2013-01-02/part-0.parquet",
		"/w/flights/day=2013-0[2-9]-??":             "day=2013-02-01/part-0.parquet",
		"/w/flights/day=2013-0[^1]-??/*":            "day=2013-02-01/part-0.parquet",
		"/w/flights/day=2013-01-{01,02}/part-0.*":   "day=2013-01-01/part-0.parquet day=2013-01-02/part-0.parquet",
		"/w/flights/{day=2013-01-01/part-{1,7}*,x}": "day=2013-01-01/part-1.parquet",
		"/w/flights/*/*":                            "day=2013-01-01/part-0.parquet day=2013-01-01/part-1.parquet day=2013-01-02/part-0.parquet day=2013-02-01/part-0.parquet",
		"/w/flights/_*/*":                           "_temporary/0/part-9.parquet",
		"/w/flights/_temporary":                     "_temporary/0/part-9.parquet",
		"/w/other/[ab].parquet":                     "a.parquet b.parquet",
		"/w/other/*.txt":                            "b.txt",
		"/w/other/x[1].parquet":                     "x[1].parquet",
		`/w/other/x\[*`:                             "x[1].parquet",
		"/w/other/na?ve.parquet":                    "naïve.parquet",
		"/w/other/*a*e*.p*t":                        "naïve.parquet",
		"/w/other/[!a-wy-z]*":                       "x[1].parquet",
		"/w/deep/**/d.parquet":                      "a/b/c/d.parquet d.parquet",
		"/w/deep/**":                                "a/b/c/d.parquet d.parquet",
		"/w/deep/**/**/c/*":                         "a/b/c/d.parquet",
		"/w/deep/a/**/*.parquet":                    "a/b/c/d.parquet",
		"/**/part-1.parquet":                        "day=2013-01-01/part-1.parquet",
	} {
		entries, err := hdfsio.Glob(t.Context(), m, pattern)
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
			continue
		}
		var got []string
		for _, e := range entries {
			got = append(got, strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(e.Path, "/w/flights/"), "/w/other/"), "/w/deep/"))
			if e.Info.Size() != int64(len(e.Path)) {
				t.Errorf("%s: %s has %d bytes", pattern, e.Path, e.Info.Size())
			}
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s means\n     %s\nwant %s", pattern, s, want)
		}
	}
}

func TestGlobFindsNothing(t *testing.T) {
	t.Parallel()
	m := tree(t)
	for pattern, want := range map[string]string{
		"/w/flights/day=2014-*":        "/w/flights holds .part-0.parquet.crc, _SUCCESS, _temporary/, day=2013-01-01/, day=2013-01-02/ and 1 more, up to day=2013-02-01",
		"/w/flihgts/day=*/x/*.parquet": "/w holds deep/, empty/, flights/, other/",
		"/w/other/c.parquet":           "/w/other holds a.parquet,",
		"/w/other/a.parquet/*":         "/w/other/a.parquet is a file",
		"/w/empty":                     "/w/empty holds _SUCCESS",
	} {
		_, err := hdfsio.Glob(t.Context(), m, pattern)
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v, want an error that is fs.ErrNotExist", pattern, err)
			continue
		}
		if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), pattern) {
			t.Errorf("%s: %v\nwant it to say: %s", pattern, err, want)
		}
	}
	for pattern, want := range map[string]string{
		"/w/other/[a": "a [ without its ]", "/w/{a,b": "a { without its }", `/w/*\`: "backslash", "/w/[z-a]": "empty range z-a",
	} {
		_, err := hdfsio.Glob(t.Context(), m, pattern)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want: %s", pattern, err, want)
		}
	}
}

func TestGlobIsQuick(t *testing.T) {
	t.Parallel()
	m := hdfsio.NewMemory()
	if err := hdfsio.WriteFile(t.Context(), m, "/"+strings.Repeat("a", 200), []byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := hdfsio.Glob(t.Context(), m, "/"+strings.Repeat("*a", 90)+"b"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := hdfsio.Glob(t.Context(), m, "/"+strings.Repeat("{a,b}", 40)); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("2^40 alternatives: %v", err)
	}
}

func TestRoot(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		"/w/flights": "/w/flights", "/w/flights/day=2013-01-01/": "/w/flights", "/w/flights/*/x": "/w/flights", "/w/f{a,b}/x": "/w",
		"/*": "/", "data/day=*": "data", "*": ".", "/w/a.parquet": "/w/a.parquet",
	} {
		if got := hdfsio.Root(pattern); got != want {
			t.Errorf("Root(%s) = %s, want %s", pattern, got, want)
		}
	}
	if got, ok := hdfsio.Below("/w/a.parquet", "/w/a.parquet"); got != "a.parquet" || !ok {
		t.Errorf("Below of the root itself: %s, %v", got, ok)
	}
	if _, ok := hdfsio.Below("/w/a", "/w/ab/c"); ok {
		t.Error("/w/ab/c lies below /w/a")
	}
}

func TestPartitions(t *testing.T) {
	t.Parallel()
	show := func(paths ...string) string {
		cols, err := hdfsio.Partitions("/d", paths)
		if err != nil {
			return err.Error()
		}
		var b strings.Builder
		for _, c := range cols {
			b.WriteString(c.Field.Name + ":" + c.Field.Type.String())
			if !c.Field.Partition {
				t.Errorf("%s is not marked as a partition", c.Field.Name)
			}
			if c.Field.Nullable {
				b.WriteString("?")
			}
			for _, v := range c.Values {
				switch {
				case v.Null:
					b.WriteString(" null")
				case c.Field.Type.String() == "string":
					b.WriteString(" " + v.Text)
				default:
					b.WriteString(" " + strconv.FormatInt(v.Int, 10))
				}
			}
			b.WriteString(";")
		}
		return b.String()
	}
	for _, c := range []struct{ want, paths string }{
		{"day:date 15706 0 -1;", "/d/day=2013-01-01/a /d/day=1970-01-01/a /d/day=1969-12-31/a"},
		{"day:string 2013-01-01 2013-02-30;", "/d/day=2013-01-01/a /d/day=2013-02-30/a"},
		{"year:int64 2013 2014;month:int64 1 12;", "/d/year=2013/month=01/a /d/year=2014/x/month=12/a"},
		{"k:int64? null -7;", "/d/k=__HIVE_DEFAULT_PARTITION__/a /d/k=-7/a"},
		{"k:string? null null;", "/d/k=__HIVE_DEFAULT_PARTITION__/a /d/k=/a"},
		{"k:string 1 1.5;", "/d/k=1/a /d/k=1.5/a"},
		{"k:string 99999999999999999999;", "/d/k=99999999999999999999/a"},
		{"k:string a/b é 100% =x;", "/d/k=a%2Fb/a /d/k=%C3%A9/a /d/k=100%/a /d/k==x/a"},
		{"a b:int64 1;", "/d/a%20b=1/a"},
		{"", "/d/a /d/b/c /d/x=1"},
		{"partition keys differ below /d: /d/a=1/f has a, /d/b=1/f has b", "/d/a=1/f /d/b=1/f"},
		{"partition keys differ below /d: /d/a=1/f has a, /d/f has none", "/d/a=1/f /d/f"},
		{"partition keys differ below /d: /d/f has none, /d/a=1/f has a", "/d/f /d/a=1/f"},
		{"partition keys differ below /d: /d/a=1/b=1/f has a, b, /d/b=1/a=1/f has b, a", "/d/a=1/b=1/f /d/b=1/a=1/f"},
		{`/d/a=1/a=2/f: partition key "a" stands in the path twice`, "/d/a=1/a=2/f"},
		{"/e/f does not lie below /d", "/e/f"},
	} {
		if got := show(strings.Fields(c.paths)...); got != c.want {
			t.Errorf("%s:\n     %s\nwant %s", c.paths, got, c.want)
		}
	}
	cols, err := hdfsio.Partitions("/d", nil)
	if len(cols) != 0 || err != nil {
		t.Errorf("no files: %v, %v", cols, err)
	}
}

func FuzzGlob(f *testing.F) {
	for _, p := range []string{"/w/*", "/w/[a-b]{c,d}", `/\**/**/x`, "/{", "/[]]", "//"} {
		f.Add(p)
	}
	m := hdfsio.NewMemory()
	if err := hdfsio.WriteFile(f.Context(), m, "/w/a/b.parquet", []byte("x")); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, p string) {
		entries, err := hdfsio.Glob(t.Context(), m, "/"+p)
		if err == nil && (len(entries) != 1 || entries[0].Path != "/w/a/b.parquet") {
			t.Errorf("%q means %v", p, entries)
		}
	})
}

// A directory that is there but holds nothing is told from one that is not there.
func TestGlobOfAnEmptyDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := hdfsio.Glob(t.Context(), hdfsio.Local{}, dir)
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "find "+dir+": the directory holds no file to read: "+dir+" exists and is empty") {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "_SUCCESS"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = hdfsio.Glob(t.Context(), hdfsio.Local{}, dir)
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "holds no file to read: "+dir+" holds _SUCCESS") {
		t.Errorf("got %v", err)
	}
}
