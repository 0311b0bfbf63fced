package hdfsio_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"howdah/hdfsio"
)

// environment is a process environment for one test.
func environment(kv ...string) func(string) string {
	return func(k string) string {
		for i := 0; i < len(kv); i += 2 {
			if kv[i] == k {
				return kv[i+1]
			}
		}
		return ""
	}
}

// confDir writes Hadoop configuration files.
func confDir(t *testing.T, core, hdfs string) string {
	t.Helper()
	dir := t.TempDir()
	for file, props := range map[string]string{"core-site.xml": core, "hdfs-site.xml": hdfs} {
		var b strings.Builder
		b.WriteString("<configuration>")
		for line := range strings.Lines(props) {
			if k, v, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
				fmt.Fprintf(&b, "<property><name>%s</name><value>%s</value></property>\n", k, v)
			}
		}
		b.WriteString("</configuration>")
		if err := os.WriteFile(filepath.Join(dir, file), []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const haConf = `
	dfs.nameservices=prod,single,broken
	dfs.ha.namenodes.prod=nn1, nn2
	host=nn1.example
	dfs.namenode.rpc-address.prod.nn1=${host}:9000
	dfs.namenode.rpc-address.prod.nn2=nn2.example
	dfs.namenode.rpc-address.single=nn3.example:8020
	dfs.ha.namenodes.broken=nn1
`

func TestResolve(t *testing.T) {
	t.Parallel()
	conf := confDir(t, "fs.defaultFS=hdfs://prod", haConf)
	home := filepath.Join(t.TempDir(), "hadoop")
	if err := os.MkdirAll(filepath.Join(home, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(confDir(t, "fs.defaultFS=hdfs://athome:1234", ""), filepath.Join(home, "etc", "hadoop")); err != nil {
		t.Fatal(err)
	}
	withConf := environment("HADOOP_CONF_DIR", conf, "HADOOP_USER_NAME", "alice")
	none := environment()
	for _, c := range []struct {
		env             func(string) string
		uri, fsys, path string // or in path: what the error says
	}{
		{none, "/data/a b%20c/*", "local", "/data/a b%20c/*"},
		{none, "data/x", "local", "data/x"},
		{none, "file:///data/x", "local", "/data/x"},
		{none, "file:/data/x", "local", "/data/x"},
		{none, "FILE://localhost/data", "local", "/data"},
		{none, "a:b.parquet", "local", "a:b.parquet"},
		{none, "/d/day=2013-01-01T00:00:00/", "local", "/d/day=2013-01-01T00:00:00/"},
		{none, "hdfs://nn:9000/d/ts=01%3A30/{a,b}", "hdfs://nn:9000", "/d/ts=01%3A30/{a,b}"},
		{none, "hdfs://nn", "hdfs://nn", "/"},
		{withConf, "hdfs:///d", "hdfs://prod", "/d"},
		{withConf, "hdfs:/d", "hdfs://prod", "/d"},
		{withConf, "hdfs://prod/d", "hdfs://prod", "/d"},
		{withConf, "hdfs://single/d", "hdfs://single", "/d"},
		{environment("HADOOP_HOME", home), "hdfs:///d", "hdfs://athome:1234", "/d"},

		{none, "", "", "empty path: want hdfs://"},
		{none, "s3a://bucket/x", "", "s3a:// is not supported: want hdfs://host:port/path"},
		{none, "hfds://nn/x", "", "unknown scheme hfds://: want hdfs://"},
		{none, "file://host/x", "", `a file on host "host" cannot be read`},
		{none, "hdfs://me@nn/x", "", "set HADOOP_USER_NAME and use hdfs://nn/x"},
		{none, "hdfs:x", "", "no // after hdfs:"},
		{none, "hdfs:///d", "", "fs.defaultFS is not set: write hdfs://host:port/path, or point HADOOP_CONF_DIR"},
		{withConf, "hdfs://broken/d", "", "name service broken: NameNode nn1 has no dfs.namenode.rpc-address.broken.nn1 in " + conf},
		{environment("HADOOP_CONF_DIR", confDir(t, "fs.defaultFS=s3a://x", "")), "hdfs:///d", "", `is "s3a://x", not hdfs://`},
		{environment("HADOOP_CONF_DIR", confDir(t, "", "dfs.data.transfer.protection=privacy")), "hdfs://nn/d", "", "integrity and privacy write but do not read back"},
		{environment("HADOOP_CONF_DIR", confDir(t, "", "dfs.encrypt.data.transfer=true")), "hdfs://nn/d", "", "set dfs.encrypt.data.transfer.cipher.suites to AES/CTR/NoPadding"},
		{environment("HADOOP_CONF_DIR", confDir(t, "", "dfs.data.transfer.protection=privacy,authentication")), "hdfs://nn/d", "hdfs://nn", "/d"},
		{environment("HADOOP_CONF_DIR", confDir(t, "hadoop.security.authentication=kerberos", "")), "hdfs://nn/d", "", "dfs.namenode.kerberos.principal is not set"},
	} {
		fsys, path, err := hdfsio.Resolve(t.Context(), c.uri, hdfsio.Options{Getenv: c.env})
		if c.fsys == "" {
			if err == nil || !strings.Contains(err.Error(), c.path) {
				t.Errorf("%q: %v\nwant: %s", c.uri, err, c.path)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", c.uri, err)
			continue
		}
		name := "local"
		if h, ok := fsys.(*hdfsio.HDFS); ok {
			name = h.String()
		}
		if name != c.fsys || path != c.path {
			t.Errorf("%q is %s on %s, want %s on %s", c.uri, path, name, c.path, c.fsys)
		}
	}
}

func TestResolverShares(t *testing.T) {
	t.Parallel()
	r := hdfsio.NewResolver(hdfsio.Options{Getenv: environment("HADOOP_USER_NAME", "alice")})
	defer r.Close()
	a, _, err := r.Resolve(t.Context(), "hdfs://nn/a")
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := r.Resolve(t.Context(), "hdfs://nn/b")
	if err != nil {
		t.Fatal(err)
	}
	if a != b {
		t.Error("two paths on one cluster have two file systems")
	}
	if u := a.(*hdfsio.HDFS).User(); u != "alice" {
		t.Errorf("user %q, want alice", u)
	}
}

// TestKerberosLogin looks at what is said where Kerberos cannot work; it needs no KDC.
func TestKerberosLogin(t *testing.T) {
	t.Parallel()
	conf := confDir(t, "hadoop.security.authentication=kerberos", "dfs.namenode.kerberos.principal=nn/_HOST@LAB.LOCAL")
	krb5 := filepath.Join(t.TempDir(), "krb5.conf")
	if err := os.WriteFile(krb5, []byte("[libdefaults]\n default_realm = LAB.LOCAL\n dns_lookup_kdc = false\n[realms]\n LAB.LOCAL = {\n  kdc = 127.0.0.1:1\n }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for want, env := range map[string][]string{
		"set KRB5_CONFIG":                        {"KRB5_CONFIG", "/nonexistent/krb5.conf"},
		"set HOWDAH_KEYTAB to a readable keytab": {"KRB5_CONFIG", krb5, "HOWDAH_KEYTAB", "/nonexistent/keytab"},
		"neither a keytab":                       {"KRB5_CONFIG", krb5, "KRB5CCNAME", "FILE:/nonexistent/cc"},
		"delegation tokens (HADOOP_TOKEN_FILE":   {"KRB5_CONFIG", krb5, "KRB5CCNAME", "/nonexistent/cc", "HADOOP_TOKEN_FILE_LOCATION", "/x"},
		"only FILE: caches can be read":          {"KRB5_CONFIG", krb5, "KRB5CCNAME", "KEYRING:persistent:0"},
	} {
		_, _, err := hdfsio.Resolve(t.Context(), "hdfs://nn/d", hdfsio.Options{ConfDir: conf, Getenv: environment(env...)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v\nwant: %s", env, err, want)
		}
	}
}
