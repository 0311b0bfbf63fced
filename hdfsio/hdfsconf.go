// Hadoop's configuration files: which NameNodes serve a name, and how they want to be spoken to.

package hdfsio

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/colinmarc/hdfs/v2/hadoopconf"
)

// hadoopConf is the properties of core-site.xml and hdfs-site.xml, and where they were found.
type hadoopConf struct {
	dir   string // "" where there is no configuration
	tried []string
	props hadoopconf.HadoopConf
}

func loadConf(o Options) (hadoopConf, error) {
	var dirs []string
	if o.ConfDir != "" {
		dirs = append(dirs, o.ConfDir)
	} else {
		if d := o.Getenv("HADOOP_CONF_DIR"); d != "" {
			dirs = append(dirs, d)
		}
		if d := o.Getenv("HADOOP_HOME"); d != "" {
			dirs = append(dirs, filepath.Join(d, "etc", "hadoop"), filepath.Join(d, "conf"))
		}
	}
	for _, d := range dirs {
		props, err := hadoopconf.Load(d)
		if err != nil {
			return hadoopConf{}, fmt.Errorf("hadoop configuration in %s: %w", d, err)
		}
		if props != nil {
			expand(props)
			return hadoopConf{dir: d, tried: dirs, props: props}, nil
		}
	}
	if o.ConfDir != "" {
		return hadoopConf{}, fmt.Errorf("hadoop configuration in %s: no core-site.xml or hdfs-site.xml there", o.ConfDir)
	}
	return hadoopConf{tried: dirs, props: hadoopconf.HadoopConf{}}, nil
}

var variable = regexp.MustCompile(`\$\{([^}$\s]+)\}`)

// expand replaces ${name} by the property of that name, as Hadoop does, up to 20 levels deep. Unknown names stay.
func expand(props hadoopconf.HadoopConf) {
	for k, v := range props {
		v = strings.TrimSpace(v)
		for range 20 {
			w := variable.ReplaceAllStringFunc(v, func(s string) string {
				return cmp.Or(props[s[2:len(s)-1]], s)
			})
			if w == v {
				break
			}
			v = w
		}
		props[k] = v
	}
}

// where names the place to set a property, for messages.
func (c hadoopConf) where() string {
	switch {
	case c.dir != "":
		return c.dir
	case len(c.tried) > 0:
		return strings.Join(c.tried, ", ") + " (no core-site.xml or hdfs-site.xml there)"
	}
	return "nowhere: HADOOP_CONF_DIR and HADOOP_HOME are not set"
}

const defaultPort = "8020"

// nameNodes returns the RPC addresses that serve an authority: a name service, host:port, host, or "" for fs.defaultFS; and the
// authority itself, resolved.
func (c hadoopConf) nameNodes(authority string) (name string, addrs []string, err error) {
	if authority == "" {
		def := cmp.Or(c.props["fs.defaultFS"], c.props["fs.default.name"])
		if def == "" {
			return "", nil, fmt.Errorf("which cluster is not said, and fs.defaultFS is not set: write hdfs://host:port/path, or point HADOOP_CONF_DIR at the cluster's core-site.xml (looked in: %s)", c.where())
		}
		u, err := url.Parse(def)
		if err != nil || u.Scheme != "hdfs" || u.Host == "" {
			return "", nil, fmt.Errorf("fs.defaultFS in %s is %q, not hdfs://host:port or hdfs://nameservice: write the cluster into the path", c.where(), def)
		}
		authority = u.Host
	}
	if ids := c.props["dfs.ha.namenodes."+authority]; ids != "" {
		for id := range strings.SplitSeq(ids, ",") {
			key := "dfs.namenode.rpc-address." + authority + "." + strings.TrimSpace(id)
			addr := c.props[key]
			if addr == "" {
				return "", nil, fmt.Errorf("name service %s: NameNode %s has no %s in %s", authority, strings.TrimSpace(id), key, c.where())
			}
			addrs = append(addrs, withPort(addr))
		}
		return authority, addrs, nil
	}
	if addr := c.props["dfs.namenode.rpc-address."+authority]; addr != "" {
		return authority, []string{withPort(addr)}, nil
	}
	for ns := range strings.SplitSeq(c.props["dfs.nameservices"], ",") {
		if strings.TrimSpace(ns) == authority {
			return "", nil, fmt.Errorf("name service %s: neither dfs.ha.namenodes.%s nor dfs.namenode.rpc-address.%s is set in %s", authority, authority, authority, c.where())
		}
	}
	return authority, []string{withPort(authority)}, nil
}

func withPort(addr string) string {
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return net.JoinHostPort(strings.Trim(addr, "[]"), defaultPort)
	}
	return addr
}

// unreadable says why data transfers on this cluster cannot be read, or nil.
func (c hadoopConf) unreadable() error {
	encrypted := strings.EqualFold(c.props["dfs.encrypt.data.transfer"], "true")
	aes := strings.Contains(c.props["dfs.encrypt.data.transfer.cipher.suites"], "AES/CTR/NoPadding")
	if encrypted {
		if aes {
			return nil
		}
		return unsupported("dfs.encrypt.data.transfer is on without AES (%s): set dfs.encrypt.data.transfer.cipher.suites to AES/CTR/NoPadding on the DataNodes and here; the older ciphers write but do not read back", c.where())
	}
	p := c.protections()
	if len(p) > 0 && !p["authentication"] {
		return unsupported("dfs.data.transfer.protection is %q (%s): integrity and privacy write but do not read back; allow authentication too, or turn on dfs.encrypt.data.transfer with AES/CTR/NoPadding", c.props["dfs.data.transfer.protection"], c.where())
	}
	return nil
}

func (c hadoopConf) protections() map[string]bool {
	p := map[string]bool{}
	for s := range strings.SplitSeq(strings.ToLower(c.props["dfs.data.transfer.protection"]), ",") {
		if s = strings.TrimSpace(s); s != "" {
			p[s] = true
		}
	}
	return p
}

// unsupportedError is what this client cannot do, said before it fails strangely. Trying again does not help.
type unsupportedError struct{ msg string }

func (e *unsupportedError) Error() string { return e.msg }

func unsupported(format string, args ...any) error {
	return &unsupportedError{"not supported: " + fmt.Sprintf(format, args...)}
}
