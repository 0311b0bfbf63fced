package hdfsio_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"howdah/hdfsio"
	"howdah/internal/hadooptest"
)

// examine runs the doctor and writes its steps in one line: those that are well by name, the last one, if it is not, with its words.
func examine(t *testing.T, uri string, o hdfsio.Options, write bool) string {
	t.Helper()
	var names []string
	for s := range hdfsio.Doctor(t.Context(), uri, o, write) {
		if !s.OK {
			return strings.Join(append(names, "NOT "+s.Name+": "+s.Detail+"; "+s.Hint), ", ")
		}
		if s.Hint != "" || s.Detail == "" {
			t.Errorf("%s is well, with hint %q and detail %q", s.Name, s.Hint, s.Detail)
		}
		names = append(names, s.Name)
	}
	return strings.Join(names, ", ")
}

func TestDoctor(t *testing.T) {
	t.Parallel()
	c := hadooptest.Shared(t)
	fsys, dir := on(t, c, hdfsio.Options{})
	must(t, hdfsio.WriteFile(t.Context(), fsys, dir+"/day=1/part.parquet", []byte("x")))
	must(t, hdfsio.WriteFile(t.Context(), fsys, dir+"/empty/_SUCCESS", nil))
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	closed.Close()
	o := hdfsio.Options{ConfDir: c.ConfDir()}
	bare := hdfsio.Options{Getenv: environment()}
	mallory := hdfsio.Options{ConfDir: c.ConfDir(), User: "mallory"}
	const reached = "address, configuration, cluster, login, name lookup, connection, call, "
	for _, x := range []struct {
		uri   string
		o     hdfsio.Options
		write bool
		want  []string
	}{
		{c.URI() + dir, o, true, []string{reached + "path, read, write"}},
		{"hdfs://" + dir, o, false, []string{reached + "path, read"}},
		{c.URI() + dir + "/day=*/*.parquet", bare, true, []string{reached + "path, read, write"}},
		{c.URI() + dir + "/empty", bare, false, []string{reached + "path"}},
		{c.URI() + dir + "/dya=1", bare, false, []string{reached + "NOT path: ", dir + " holds day=1/, empty/"}},
		{c.URI() + dir, mallory, true, []string{reached + "path, read, NOT write: ", "user mallory may not do this", "must be writable for this user"}},
		{"hdfs://" + closed.Addr().String() + "/", bare, false, []string{"address, configuration, cluster, login, name lookup, NOT connection: ", "refused", "check the port"}},
		{"hdfs://no-such-host.invalid/", bare, false, []string{"address, configuration, cluster, login, NOT name lookup: ", "no-such-host.invalid", "/etc/hosts"}},
		{"hdfs:///x", bare, false, []string{"address, configuration, NOT cluster: ", "fs.defaultFS is not set"}},
		{"s3://x/y", bare, false, []string{"NOT address: ", "s3:// is not supported"}},
		{t.TempDir(), bare, true, []string{"address, path, write"}},
	} {
		began := time.Now()
		got := examine(t, x.uri, x.o, x.write)
		for i, w := range x.want {
			if i == 0 && len(x.want) == 1 && got != w || !strings.Contains(got, w) {
				t.Errorf("%s: %s\nwant it to say: %s", x.uri, got, w)
			}
		}
		if d := time.Since(began); d > 60*time.Second {
			t.Errorf("%s: %v", x.uri, d)
		}
	}
	if got := raw(t, c.NameNode(0), dir); strings.Join(got, " ") != "day=1 empty" {
		t.Errorf("the doctor left something behind: %q", got)
	}
}
