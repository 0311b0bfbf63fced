// URIs: which file system a job's path means, and the path in it.

package hdfsio

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"
)

// Options says how file systems are reached. The zero value takes everything from the environment, as Hadoop's own tools do.
type Options struct {
	// ConfDir holds core-site.xml and hdfs-site.xml. Default: HADOOP_CONF_DIR, then HADOOP_HOME/etc/hadoop and HADOOP_HOME/conf.
	ConfDir string
	// User is who we are on a cluster without Kerberos. Default: HADOOP_USER_NAME, then the operating system's user.
	User string

	// Keytab and Principal log in to Kerberos. Default: HOWDAH_KEYTAB and HOWDAH_PRINCIPAL; without a keytab, the ticket cache
	// that kinit filled (KRB5CCNAME).
	Keytab, Principal string
	// Krb5Conf is Kerberos' configuration. Default: KRB5_CONFIG, then /etc/krb5.conf.
	Krb5Conf string

	// Timeout is how long one read or write on a connection may take. Default 30 s.
	Timeout time.Duration
	// Retry is how long a call goes on trying while a NameNode restarts or fails over, or DataNodes are lost. Default 60 s.
	Retry time.Duration
	// FirstContact is how long a cluster that has never answered is tried: its address may be wrong. Default 20 s, and never more
	// than Retry.
	FirstContact time.Duration

	// SpoolDir holds what is being written to HDFS, beyond the first 16 MiB of a file, until it is committed, so that it can be
	// written again after a DataNode's death. Default: the system's temporary directory.
	SpoolDir string

	// Log is told of retries. Default: nobody is.
	Log *slog.Logger

	// Getenv reads the environment. Default: os.Getenv.
	Getenv func(string) string

	// Wrap is what every file system goes through before a Resolver gives it out, once each: for faults in tests. Default: nothing.
	Wrap func(FS) FS
}

const (
	defaultTimeout = 30 * time.Second
	defaultRetry   = 60 * time.Second
	// Long enough for a NameNode that restarts, short for a wrong address.
	defaultFirstContact = 20 * time.Second
)

func (o Options) withDefaults() Options {
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Retry <= 0 {
		o.Retry = defaultRetry
	}
	if o.FirstContact <= 0 {
		o.FirstContact = defaultFirstContact
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Resolve returns the file system that a URI means, and the path in it: hdfs://host:port/path, hdfs://nameservice/path,
// hdfs:///path (the cluster named by fs.defaultFS), file:///path, or a plain path on the local disk. The path is taken as it stands:
// "%3A" in it is those three characters, as Hadoop takes it, and a glob pattern comes through.
//
// Resolve talks to nobody: an unreachable cluster is found by the first call. Use a Resolver where several URIs are resolved.
func Resolve(ctx context.Context, uri string, o Options) (FS, string, error) {
	return NewResolver(o).Resolve(ctx, uri)
}

// Resolver resolves URIs, and gives those on one cluster the same file system with its connections.
type Resolver struct {
	o Options

	mu       sync.Mutex
	clusters map[string]*HDFS // by authority; "" is fs.defaultFS
	wrapped  map[FS]FS
}

// NewResolver returns a resolver with these options.
func NewResolver(o Options) *Resolver {
	return &Resolver{o: o.withDefaults(), clusters: map[string]*HDFS{}, wrapped: map[FS]FS{}}
}

// Resolve is the function Resolve, sharing file systems between calls.
func (r *Resolver) Resolve(ctx context.Context, uri string) (FS, string, error) {
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	u, err := splitURI(uri)
	if err != nil {
		return nil, "", err
	}
	if u.scheme == "file" {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.wrap(Local{}), u.path, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.clusters[u.authority]
	if h == nil {
		if h, err = NewHDFS(u.authority, r.o); err != nil {
			return nil, "", fmt.Errorf("%s: %w", uri, err)
		}
		r.clusters[u.authority] = h
	}
	return r.wrap(h), u.path, nil
}

// wrap is called with mu held.
func (r *Resolver) wrap(fsys FS) FS {
	if r.o.Wrap == nil {
		return fsys
	}
	w := r.wrapped[fsys]
	if w == nil {
		w = r.o.Wrap(fsys)
		r.wrapped[fsys] = w
	}
	return w
}

// Close ends the connections of all file systems that the resolver gave out.
func (r *Resolver) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range r.clusters {
		h.Close()
	}
	clear(r.clusters)
	return nil
}

type uri struct{ scheme, authority, path string }

const supported = "want hdfs://host:port/path, hdfs://nameservice/path, hdfs:///path, file:///path or a plain path"

func splitURI(s string) (uri, error) {
	if s == "" {
		return uri{}, fmt.Errorf("empty path: %s", supported)
	}
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || scheme == "" || strings.ContainsAny(scheme, "/\\*?[{") || !isScheme(scheme) {
		return uri{"file", "", s}, nil
	}
	scheme = strings.ToLower(scheme)
	switch scheme {
	case "hdfs", "file":
	case "viewfs", "webhdfs", "swebhdfs", "hftp", "har", "s3", "s3a", "s3n", "gs", "abfs", "abfss", "wasb", "wasbs", "adl", "o3fs", "ofs", "http", "https", "ftp", "sftp":
		return uri{}, fmt.Errorf("%s: %s:// is not supported: %s", s, scheme, supported)
	default:
		if !strings.HasPrefix(rest, "//") {
			return uri{"file", "", s}, nil // a file name with a colon in it
		}
		return uri{}, fmt.Errorf("%s: unknown scheme %s://: %s", s, scheme, supported)
	}
	after, ok := strings.CutPrefix(rest, "//")
	if !ok {
		if !strings.HasPrefix(rest, "/") {
			return uri{}, fmt.Errorf("%s: no // after %s: %s", s, scheme+":", supported)
		}
		after = rest
	}
	authority, path := after, "/"
	if i := strings.IndexByte(after, '/'); i >= 0 {
		authority, path = after[:i], after[i:]
	}
	if scheme == "file" {
		if authority != "" && authority != "localhost" {
			return uri{}, fmt.Errorf("%s: a file on host %q cannot be read: want file:///path, with three slashes", s, authority)
		}
		return uri{"file", "", path}, nil
	}
	if user, host, ok := strings.Cut(authority, "@"); ok {
		return uri{}, fmt.Errorf("%s: a user (%q) in an HDFS address is not supported: set HADOOP_USER_NAME and use hdfs://%s%s", s, user, host, path)
	}
	return uri{"hdfs", authority, path}, nil
}

func isScheme(s string) bool {
	for i, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || !(r >= '0' && r <= '9' || r == '+' || r == '-' || r == '.')) {
			return false
		}
	}
	return len(s) > 1 // C: is a drive
}
