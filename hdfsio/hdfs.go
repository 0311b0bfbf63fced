// HDFS, by colinmarc/hdfs. hdfsclient.go says what its client needs around it.

package hdfsio

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/user"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/colinmarc/hdfs/v2"
)

// HDFS is the files of one cluster.
type HDFS struct {
	name          string // hdfs://authority, before every path in messages
	o             Options
	conf          hadoopConf
	clientOptions hdfs.ClientOptions

	mu      sync.Mutex
	addrs   []string // the NameNodes, the one that served last first
	idle    []*client
	sweeper *time.Timer
	reached bool // a NameNode has answered
	closed  bool
}

var _ FS = (*HDFS)(nil)

// NewHDFS returns the cluster that an authority means: a name service, host:port, host, or "" for fs.defaultFS. It reads the
// configuration and talks to nobody.
func NewHDFS(authority string, o Options) (*HDFS, error) {
	o = o.withDefaults()
	conf, err := loadConf(o)
	if err != nil {
		return nil, err
	}
	name, addrs, err := conf.nameNodes(authority)
	if err != nil {
		return nil, err
	}
	if err := conf.unreadable(); err != nil {
		return nil, err
	}
	h := &HDFS{name: "hdfs://" + name, o: o, conf: conf, addrs: addrs}
	h.clientOptions = hdfs.ClientOptionsFromConf(conf.props)
	if conf.protections()["authentication"] && h.clientOptions.DataTransferProtection != "" && !strings.EqualFold(conf.props["dfs.encrypt.data.transfer"], "true") {
		h.clientOptions.DataTransferProtection = hdfs.DataTransferProtectionAuthentication // of those allowed, the one that works
	}
	if h.clientOptions.KerberosClient != nil {
		if h.clientOptions.KerberosServicePrincipleName == "" {
			return nil, fmt.Errorf("hadoop.security.authentication is kerberos, and dfs.namenode.kerberos.principal is not set in %s", conf.where())
		}
		if h.clientOptions.KerberosClient, err = login(o); err != nil {
			return nil, err
		}
		return h, nil
	}
	h.clientOptions.User = cmp.Or(o.User, o.Getenv("HADOOP_USER_NAME"))
	if h.clientOptions.User == "" {
		u, err := user.Current()
		if err != nil {
			return nil, fmt.Errorf("who we are is not known: set HADOOP_USER_NAME: %w", err)
		}
		h.clientOptions.User = u.Username
	}
	return h, nil
}

// String returns hdfs://authority.
func (h *HDFS) String() string { return h.name }

// User returns who we are on the cluster.
func (h *HDFS) User() string {
	if k := h.clientOptions.KerberosClient; k != nil {
		return k.Credentials.UserName() + "@" + k.Credentials.Realm()
	}
	return h.clientOptions.User
}

func (h *HDFS) check(op, name string) error {
	switch {
	case !strings.HasPrefix(name, "/"):
		return &fs.PathError{Op: op, Path: h.name + "/" + name, Err: fmt.Errorf("%w: not an absolute path", fs.ErrInvalid)}
	case !utf8.ValidString(name):
		return &fs.PathError{Op: op, Path: h.name + name, Err: fmt.Errorf("%w: HDFS wants names in UTF-8", fs.ErrInvalid)}
	}
	return nil
}

// Stat implements FS.
func (h *HDFS) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	if err := h.check("stat", name); err != nil {
		return nil, err
	}
	var info fs.FileInfo
	err := h.do(ctx, "stat", name, func(c *client, _ bool) (err error) {
		info, err = c.hc.Stat(path.Clean(name))
		return err
	})
	if err != nil {
		return nil, h.explain(ctx, name, err)
	}
	return info, nil
}

// List implements FS. A file that another program is still writing is listed with the length of its finished blocks, often 0: HDFS
// tells nobody that it is open.
func (h *HDFS) List(ctx context.Context, dir string) ([]fs.FileInfo, error) {
	infos, err := h.list(ctx, dir)
	if err != nil {
		return nil, err
	}
	infos = slices.DeleteFunc(infos, func(i fs.FileInfo) bool { return isTemp(i.Name()) })
	slices.SortFunc(infos, func(a, b fs.FileInfo) int { return strings.Compare(a.Name(), b.Name()) })
	return infos, nil
}

// list is all that a directory holds, files in the making too.
func (h *HDFS) list(ctx context.Context, dir string) ([]fs.FileInfo, error) {
	if err := h.check("list", dir); err != nil {
		return nil, err
	}
	var infos []fs.FileInfo
	err := h.do(ctx, "list", dir, func(c *client, _ bool) error {
		d, err := c.hc.Open(path.Clean(dir))
		if err != nil {
			return err
		}
		defer d.Close()
		if !d.Stat().IsDir() {
			return errNotDir
		}
		infos, err = d.Readdir(0)
		return err
	})
	if err != nil {
		return nil, h.explain(ctx, dir, err)
	}
	return infos, nil
}

// Remove implements FS.
func (h *HDFS) Remove(ctx context.Context, name string) error {
	if err := h.check("remove", name); err != nil {
		return err
	}
	err := h.do(ctx, "remove", name, func(c *client, _ bool) error {
		return c.hc.Remove(path.Clean(name))
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return h.explain(ctx, name, err)
}

// explain adds to a refused permission whose the file or its nearest parent is.
func (h *HDFS) explain(ctx context.Context, name string, err error) error {
	var pe *fs.PathError
	if err == nil || !errors.Is(err, fs.ErrPermission) || !errors.As(err, &pe) {
		return err
	}
	detail := fmt.Sprintf("user %s may not do this", h.User())
	for p := path.Clean(name); ; p = path.Dir(p) {
		var info fs.FileInfo
		werr := h.with(ctx, h.o.Timeout, func(c *client) (err error) {
			info, err = c.hc.Stat(p)
			return err
		})
		if f, ok := info.(*hdfs.FileInfo); ok && werr == nil {
			kind := "file"
			if f.IsDir() {
				kind = "directory"
			}
			detail += fmt.Sprintf("; %s %s belongs to %s:%s with mode %s", kind, p, f.Owner(), f.OwnerGroup(), f.Mode().Perm().String()[1:])
			break
		}
		if p == "/" || ctx.Err() != nil {
			break
		}
	}
	hint := "set HADOOP_USER_NAME, or have the mode or owner changed"
	if h.clientOptions.KerberosClient != nil {
		hint = "have the mode or owner changed, or log in as another principal"
	}
	return &fs.PathError{Op: pe.Op, Path: pe.Path, Err: fmt.Errorf("%w: %s: %s", pe.Err, detail, hint)}
}

// readable refuses files that would be read as noise.
func readable(info fs.FileInfo) error {
	f, ok := info.(*hdfs.FileInfo)
	if !ok {
		return nil
	}
	s, ok := f.Sys().(*hdfs.FileStatus)
	if !ok {
		return nil
	}
	if p := s.GetEcPolicy(); p != nil && p.GetId() != 0 && !f.IsDir() {
		name := p.GetName()
		if name == "" { // HDFS names only the policies that it does not bring along
			name = codingPolicies[p.GetId()]
		}
		return unsupported("the file is erasure-coded (%s), by its directory: use a replicated directory (hdfs ec -setPolicy -replicate -path DIR, then copy)", cmp.Or(name, fmt.Sprint(p.GetId())))
	}
	if s.GetFileEncryptionInfo() != nil && !f.IsDir() {
		return unsupported("the file lies in an encryption zone, and this client does not decrypt: use a directory outside of it")
	}
	return nil
}

var codingPolicies = map[uint32]string{1: "RS-6-3-1024k", 2: "RS-3-2-1024k", 3: "RS-LEGACY-6-3-1024k", 4: "XOR-2-1-1024k", 5: "RS-10-4-1024k"}
