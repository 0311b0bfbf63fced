// The doctor: each step of reaching a path, what is wrong, and the setting to change.

package hdfsio

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"net"
	"path"
	"strings"
	"time"
)

// Step is one step of reaching a path.
type Step struct {
	Name   string        `json:"name"`
	OK     bool          `json:"ok"`
	Detail string        `json:"detail"`         // what was found, or what is wrong
	Hint   string        `json:"hint,omitempty"` // what to do about it
	Took   time.Duration `json:"took_ns"`
}

// Doctor goes through the steps of reaching a URI and yields each when it is done: configuration, cluster, user or Kerberos, name
// lookup, connection, call, listing, reading a block from a DataNode, and, if write is set, writing, renaming and removing a file there.
// It ends after the first step without which the next ones mean nothing. The steps wait 10 s at most unless the options say otherwise.
func Doctor(ctx context.Context, uri string, o Options, write bool) iter.Seq[Step] {
	return func(yield func(Step) bool) {
		if o.Timeout <= 0 {
			o.Timeout = 10 * time.Second
		}
		if o.Retry <= 0 {
			o.Retry = 10 * time.Second
		}
		d := &doctor{ctx: ctx, o: o.withDefaults(), yield: yield}
		u, err := splitURI(uri)
		if !d.step("address", "", func() (string, error) {
			return u.scheme + " " + cmp.Or(u.authority, "default cluster") + " " + u.path, err
		}) {
			return
		}
		var fsys FS = Local{}
		if u.scheme == "hdfs" {
			h := d.hdfs(u.authority)
			if h == nil {
				return
			}
			defer h.Close()
			fsys = h
		}
		d.files(fsys, u.path, write)
	}
}

type doctor struct {
	ctx   context.Context
	o     Options
	yield func(Step) bool
}

// step runs one step and yields it; false ends the examination.
func (d *doctor) step(name, hint string, f func() (string, error)) bool {
	began := time.Now()
	detail, err := f()
	s := Step{Name: name, OK: err == nil, Detail: detail, Took: time.Since(began)}
	if err != nil {
		s.Detail, s.Hint = err.Error(), hint
	}
	return d.yield(s) && err == nil
}

// hdfs goes as far as the first answer from a NameNode.
func (d *doctor) hdfs(authority string) *HDFS {
	var conf hadoopConf
	if !d.step("configuration", "point HADOOP_CONF_DIR at the directory with the cluster's core-site.xml and hdfs-site.xml", func() (detail string, err error) {
		conf, err = loadConf(d.o)
		if conf.dir == "" {
			return "none (" + conf.where() + "); an address with host and port works without", err
		}
		return fmt.Sprintf("%s, %d properties", conf.dir, len(conf.props)), err
	}) {
		return nil
	}
	var addrs []string
	if !d.step("cluster", "", func() (string, error) {
		name, a, err := conf.nameNodes(authority)
		addrs = a
		return fmt.Sprintf("%s is served by %s", name, strings.Join(a, ", ")), err
	}) {
		return nil
	}
	var h *HDFS
	if !d.step("login", "", func() (string, error) {
		var err error
		if h, err = NewHDFS(authority, d.o); err != nil {
			return "", err
		}
		k := h.clientOptions.KerberosClient
		if k == nil {
			return "user " + h.User() + ", without Kerberos", nil
		}
		if err := k.AffirmLogin(); err != nil {
			return "", fmt.Errorf("%s cannot log in: %w: check the clock, the keytab (kinit -kt), and the KDC in krb5.conf", h.User(), err)
		}
		return "Kerberos principal " + h.User() + "; the NameNode is " + h.clientOptions.KerberosServicePrincipleName, nil
	}) {
		return nil
	}
	if !d.step("name lookup", "check the host name, /etc/hosts and the DNS; if it is a name service, set HADOOP_CONF_DIR", func() (string, error) {
		return d.each(addrs, func(addr string) (string, error) {
			host, _, _ := net.SplitHostPort(addr)
			ctx, cancel := context.WithTimeout(d.ctx, d.o.Timeout)
			defer cancel()
			ips, err := net.DefaultResolver.LookupHost(ctx, host)
			return host + " is " + strings.Join(ips, " "), err
		})
	}) {
		return nil
	}
	if !d.step("connection", "check the port (fs.defaultFS; often 8020 or 9000), that the NameNode runs, and the firewalls between", func() (string, error) {
		return d.each(addrs, func(addr string) (string, error) {
			dialer := net.Dialer{Timeout: d.o.Timeout}
			c, err := dialer.DialContext(d.ctx, "tcp", addr)
			if err == nil {
				c.Close()
			}
			return addr + " accepts", err
		})
	}) {
		return nil
	}
	if !d.step("call", "look into the NameNode's log; hdfs dfsadmin -safemode get", func() (detail string, err error) {
		err = h.do(d.ctx, "ask", "/", func(c *client, _ bool) error {
			s, err := c.hc.ServerDefaults()
			if err != nil {
				return err
			}
			if _, err := c.hc.Stat("/"); err != nil { // a standby answers the first and not this
				return err
			}
			detail = fmt.Sprintf("block size %d MiB, replication %d", s.BlockSize>>20, s.Replication)
			if s.EncryptDataTransfer {
				detail += ", data transfers encrypted"
			}
			return nil
		})
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.addrs[0] + " answers: " + detail, err
	}) {
		return nil
	}
	return h
}

// each runs f for every address; one that works is enough.
func (d *doctor) each(addrs []string, f func(string) (string, error)) (string, error) {
	var details []string
	var errs []error
	for _, a := range addrs {
		s, err := f(a)
		if err != nil {
			s = err.Error()
			errs = append(errs, err)
		}
		details = append(details, s)
	}
	if len(errs) == len(addrs) {
		return "", errors.Join(errs...)
	}
	return strings.Join(details, "; "), nil
}

// files lists, reads and writes.
func (d *doctor) files(fsys FS, name string, write bool) {
	dir := name
	var file string
	listed := d.step("path", "", func() (string, error) {
		if !hasMeta(name) {
			info, err := fsys.Stat(d.ctx, name)
			if errors.Is(err, fs.ErrNotExist) {
				return "", nothing(d.ctx, fsys, name)
			}
			if err != nil {
				return "", err
			}
			if !info.IsDir() {
				dir, file = path.Dir(name), name
				return fmt.Sprintf("a file of %d bytes, changed %s", info.Size(), info.ModTime().UTC().Format(time.RFC3339)), nil
			}
		} else {
			dir = Root(name)
		}
		entries, err := Glob(d.ctx, fsys, name)
		if errors.Is(err, fs.ErrNotExist) && !hasMeta(name) {
			return "an empty directory", nil
		}
		if err != nil {
			return "", err
		}
		var bytes int64
		for _, e := range entries {
			bytes += e.Info.Size()
			if e.Info.Size() > 0 && file == "" {
				file = e.Path
			}
		}
		return fmt.Sprintf("%d files, %d bytes, from %s", len(entries), bytes, entries[0].Path), nil
	})
	if !listed {
		return
	}
	if file != "" && !d.step("read", "each DataNode's data port (dfs.datanode.address, often 9866) must be reachable from here; if they are known by inner addresses, set dfs.client.use.datanode.hostname to true", func() (string, error) {
		f, err := fsys.Open(d.ctx, file)
		if err != nil {
			return "", err
		}
		defer f.Close()
		b := make([]byte, min(f.Size(), 64<<10))
		if len(b) > 0 {
			if _, err := f.ReadAt(b, f.Size()-int64(len(b))); err != nil {
				return "", err
			}
		}
		return fmt.Sprintf("the last %d bytes of %s", len(b), file), nil
	}) {
		return
	}
	if write {
		d.step("write", "the directory must be writable for this user, and DataNodes must have room and be reachable", func() (string, error) {
			nonce := make([]byte, 8)
			rand.Read(nonce)
			probe := path.Join(dir, ".howdah-doctor-"+hex.EncodeToString(nonce))
			defer fsys.Remove(context.WithoutCancel(d.ctx), probe)
			if err := WriteFile(d.ctx, fsys, probe, nonce); err != nil {
				return "", err
			}
			b, err := ReadFile(d.ctx, fsys, probe)
			if err != nil {
				return "", err
			}
			if string(b) != string(nonce) {
				return "", fmt.Errorf("%s was written with %x and reads as %x", probe, nonce, b)
			}
			return "wrote, renamed, read and removed a file in " + dir, fsys.Remove(d.ctx, probe)
		})
	}
}
