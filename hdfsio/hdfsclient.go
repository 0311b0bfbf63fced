// Connections to HDFS: a deadline on every read and write, clients that one call has to itself, and retries.
//
// colinmarc/hdfs is a good client of a healthy cluster. What it lacks is added here:
//   - It has no deadlines of its own, and one set from outside kills its failover to other DataNodes. Our connections set a fresh one
//     at every Read and Write.
//   - After a lost connection it refuses for five seconds and may take a late answer for the next one. We throw such a client away.
//   - Its methods know no context. A cancelled context cuts the client's connections.
//   - It tells a client's leases by the client's name. Every call has a client to itself, so a lease is one writer's.

package hdfsio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/colinmarc/hdfs/v2"
)

// connSet is the open connections of one client.
type connSet struct {
	ctx    context.Context
	cancel context.CancelFunc
	limit  time.Duration

	mu      sync.Mutex
	conns   map[*deadlineConn]bool
	last    error  // why the last dial or read failed: the client's own message loses it
	addr    string // the NameNode that was dialled last
	discard bool
}

func newConnSet(limit time.Duration) *connSet {
	s := &connSet{limit: limit, conns: map[*deadlineConn]bool{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// cut closes all connections, and those that would be opened later.
func (s *connSet) cut() {
	s.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.Conn.Close()
	}
}

// drain cuts, and lets later writes go nowhere without an error. Only so does an abandoned block writer of the library end its
// goroutines: it stops them after its last packet is written, not after a failed write.
func (s *connSet) drain() {
	s.mu.Lock()
	s.discard = true
	s.mu.Unlock()
	s.cut()
}

func (s *connSet) draining() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.discard
}

func (s *connSet) failed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = err
}

func (s *connSet) lastError() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

func (s *connSet) dialer(nameNode bool) func(context.Context, string, string) (net.Conn, error) {
	return func(_ context.Context, network, addr string) (net.Conn, error) {
		d := net.Dialer{Timeout: min(s.limit, 20*time.Second), KeepAlive: 30 * time.Second}
		c, err := d.DialContext(s.ctx, network, addr)
		if err != nil {
			s.failed(err)
			return nil, err
		}
		dc := &deadlineConn{Conn: c, set: s, nameNode: nameNode}
		s.mu.Lock()
		defer s.mu.Unlock()
		if nameNode {
			s.addr = addr
		}
		if err := s.ctx.Err(); err != nil {
			c.Close()
			return nil, err
		}
		s.conns[dc] = true
		return dc, nil
	}
}

// deadlineConn gives every Read and Write a fresh deadline, and ends the connection at the first error: what comes later on it may
// belong to a call that was given up.
type deadlineConn struct {
	net.Conn
	set      *connSet
	nameNode bool
	begun    bool   // something was read
	tail     []byte // what a NameNode sent last: a refusal hides in it
}

func (c *deadlineConn) Read(b []byte) (int, error) {
	if err := c.Conn.SetReadDeadline(time.Now().Add(c.set.limit)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(b)
	if c.nameNode && n > 0 {
		if !c.begun && bytes.HasPrefix(b[:n], []byte("HTTP")) {
			err := &unsupportedError{fmt.Sprintf("%s answers with HTTP: this is a web port; write the NameNode's RPC port (often 8020 or 9000)", c.RemoteAddr())}
			c.end(err)
			return 0, err
		}
		c.begun = true
		c.set.mu.Lock()
		c.tail = append(c.tail, b[:n]...)
		if len(c.tail) > 2048 {
			c.tail = append(c.tail[:0], c.tail[len(c.tail)-1024:]...)
		}
		c.set.mu.Unlock()
	}
	return n, c.end(err)
}

func (c *deadlineConn) Write(b []byte) (int, error) {
	if c.set.draining() {
		return len(b), nil
	}
	if err := c.Conn.SetWriteDeadline(time.Now().Add(c.set.limit)); err != nil {
		return 0, c.end(err)
	}
	n, err := c.Conn.Write(b)
	return n, c.end(err)
}

func (c *deadlineConn) end(err error) error {
	if err == nil {
		return nil
	}
	c.Conn.Close()
	var ne net.Error
	if errors.As(err, &ne) && ne.Timeout() {
		err = fmt.Errorf("no answer from %s for %v: %w", c.RemoteAddr(), c.set.limit, err)
	}
	if err != io.EOF && !errors.Is(err, net.ErrClosed) {
		c.set.failed(err)
	}
	return err
}

func (c *deadlineConn) Close() error {
	c.set.mu.Lock()
	delete(c.set.conns, c)
	c.set.mu.Unlock()
	return c.Conn.Close()
}

// The library's deadlines are ours: it would clear them.
func (c *deadlineConn) SetDeadline(time.Time) error      { return nil }
func (c *deadlineConn) SetReadDeadline(time.Time) error  { return nil }
func (c *deadlineConn) SetWriteDeadline(time.Time) error { return nil }

// refusal finds a Java exception in what the NameNode sent last. A NameNode that refuses a connection answers under another call's
// number, which the library reports as "unexpected sequence number".
func (s *connSet) refusal() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		i := bytes.Index(c.tail, []byte("Exception"))
		if i < 0 {
			continue
		}
		text := c.tail[i:]
		clean := func(r rune) bool { return r < ' ' || r > '~' }
		var parts []string
		for p := range bytes.FieldsFuncSeq(text, clean) {
			if len(p) > 12 {
				parts = append(parts, string(p))
			}
		}
		if len(parts) > 0 {
			return strings.Join(parts[:min(2, len(parts))], " ")
		}
		return string(text[:min(len(text), 9)])
	}
	return ""
}

// client is a connection that one call has to itself.
type client struct {
	hc    *hdfs.Client
	conns *connSet
	born  time.Time
	since time.Time // put away at
}

func (c *client) close() {
	c.conns.cut()
	c.hc.Close()
}

const (
	idleClients = 4
	idleTime    = 10 * time.Second // an idle client asks the NameNode once a second to renew its leases
	clientAge   = time.Hour        // it keeps the key of encrypted transfers for ever, and that runs out
)

// get takes an idle client or makes one.
func (h *HDFS) get(ctx context.Context) (*client, error) {
	h.mu.Lock()
	for len(h.idle) > 0 {
		c := h.idle[len(h.idle)-1]
		h.idle = h.idle[:len(h.idle)-1]
		if time.Since(c.since) < idleTime {
			h.mu.Unlock()
			return c, nil
		}
		go c.close()
	}
	o := h.clientOptions
	// The NameNode that served last comes first: the standby costs a round trip.
	o.Addresses = append([]string(nil), h.addrs...)
	h.mu.Unlock()

	conns := newConnSet(h.o.Timeout)
	o.NamenodeDialFunc = conns.dialer(true)
	o.DatanodeDialFunc = conns.dialer(false)
	stop := context.AfterFunc(ctx, conns.cut)
	hc, err := hdfs.NewClient(o)
	cancelled := !stop()
	if err != nil {
		conns.cut()
		if cause := conns.lastError(); cause != nil {
			err = cause
		} else if r := conns.refusal(); r != "" {
			err = fmt.Errorf("%w: %s", err, r)
		}
		return nil, err
	}
	c := &client{hc: hc, conns: conns, born: time.Now()}
	if cancelled {
		c.close()
		return nil, ctx.Err()
	}
	return c, nil
}

// put keeps a healthy client for the next call.
func (h *HDFS) put(c *client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reached = true
	c.conns.mu.Lock()
	last := c.conns.addr
	c.conns.mu.Unlock()
	for i, a := range h.addrs {
		if a == last && i > 0 {
			h.addrs[0], h.addrs[i] = h.addrs[i], h.addrs[0]
		}
	}
	if h.closed || len(h.idle) >= idleClients || time.Since(c.born) > clientAge {
		go c.close()
		return
	}
	c.since = time.Now()
	h.idle = append(h.idle, c)
	if h.sweeper == nil {
		h.sweeper = time.AfterFunc(idleTime, h.sweep)
	}
}

// sweep closes clients that nobody has used for a while.
func (h *HDFS) sweep() {
	h.mu.Lock()
	defer h.mu.Unlock()
	kept := h.idle[:0]
	for _, c := range h.idle {
		if time.Since(c.since) < idleTime {
			kept = append(kept, c)
		} else {
			go c.close()
		}
	}
	h.idle, h.sweeper = kept, nil
	if len(kept) > 0 {
		h.sweeper = time.AfterFunc(idleTime, h.sweep)
	}
}

// flush closes all idle clients: after one connection broke, the others are of the same age.
func (h *HDFS) flush() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.idle {
		go c.close()
	}
	h.idle = nil
}

// Close ends the idle connections. Calls that are under way go on.
func (h *HDFS) Close() error {
	h.flush()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	if h.sweeper != nil {
		h.sweeper.Stop()
		h.sweeper = nil
	}
	return nil
}

// with runs f with a client of its own, once. The context cuts the client's connections; so does a limit, if it is not 0.
func (h *HDFS) with(ctx context.Context, limit time.Duration, f func(*client) error) error {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer from %s for %v", h.name, limit))
		defer cancel()
	}
	c, err := h.get(ctx)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return err
	}
	stop := context.AfterFunc(ctx, c.conns.cut)
	err = f(c)
	if !stop() {
		c.close()
		if err != nil {
			return context.Cause(ctx)
		}
		return nil
	}
	err = c.because(err)
	if err != nil && transient(err) {
		c.close()
		h.flush()
		return err
	}
	h.put(c)
	return err
}

// because puts an error of the library into words, with the cause that the library loses on the way.
func (c *client) because(err error) error {
	for {
		p, ok := err.(*fs.PathError)
		if !ok {
			break
		}
		err = p.Err
	}
	if err == nil {
		return nil
	}
	var remote hdfs.Error
	if errors.As(err, &remote) {
		return &remoteError{remote, err}
	}
	if !transient(err) {
		return err
	}
	if r := c.conns.refusal(); r != "" && strings.Contains(err.Error(), "sequence number") {
		return refusalError(r)
	}
	if cause := c.conns.lastError(); cause != nil && !errors.Is(err, cause) {
		if !transient(cause) {
			return cause
		}
		if strings.Contains(err.Error(), cause.Error()) {
			return &saidError{err.Error(), cause}
		}
		return fmt.Errorf("%w (%w)", err, cause)
	}
	return err
}

// remoteError is a Java exception: the library prints its class and keeps its message to itself.
type remoteError struct {
	remote hdfs.Error
	err    error
}

func (e *remoteError) Error() string {
	class := e.remote.Exception()
	return fmt.Sprintf("%s: %s", class[strings.LastIndexByte(class, '.')+1:], firstLine(e.remote.Message()))
}
func (e *remoteError) Unwrap() error { return e.err }

// saidError is an error whose text has its cause in it already.
type saidError struct {
	text  string
	cause error
}

func (e *saidError) Error() string { return e.text }
func (e *saidError) Unwrap() error { return e.cause }

// retryError is worth another try, whatever is inside.
type retryError struct{ err error }

func (e *retryError) Error() string { return e.err.Error() }
func (e *retryError) Unwrap() error { return e.err }

// finalError is not, whatever is inside.
type finalError struct{ err error }

func (e *finalError) Error() string { return e.err.Error() }
func (e *finalError) Unwrap() error { return e.err }

func refusalError(text string) error {
	if strings.Contains(text, "SIMPLE authentication is not enabled") || strings.Contains(text, "Available:[TOKEN, KERBEROS]") {
		return &unsupportedError{"the cluster wants Kerberos: set hadoop.security.authentication to kerberos in core-site.xml (HADOOP_CONF_DIR), and HOWDAH_KEYTAB and HOWDAH_PRINCIPAL"}
	}
	return fmt.Errorf("the NameNode refused the connection: %s", text)
}

// do runs f, which may be run several times, until it succeeds, fails for good, or time is up.
func (h *HDFS) do(ctx context.Context, op, name string, f func(c *client, again bool) error) error {
	again := false
	return h.retry(ctx, op, name, func() error {
		err := h.with(ctx, 2*h.o.Timeout, func(c *client) error { return f(c, again) })
		again = true
		return err
	})
}

// retry runs f until it succeeds, fails for good, or time is up; it waits longer and longer in between.
func (h *HDFS) retry(ctx context.Context, op, name string, f func() error) error {
	began := time.Now()
	wait := 100 * time.Millisecond
	for attempt := 1; ; attempt++ {
		if err := ctx.Err(); err != nil {
			return h.pathError(op, name, err)
		}
		err := f()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return h.pathError(op, name, ctx.Err())
		}
		if !transient(err) {
			return h.pathError(op, name, err)
		}
		h.mu.Lock()
		reached := h.reached
		h.mu.Unlock()
		limit := h.o.Retry
		if !reached {
			limit = min(limit, h.o.FirstContact)
			var dns *net.DNSError
			if errors.As(err, &dns) && dns.IsNotFound {
				return h.pathError(op, name, fmt.Errorf("%w: check the host name, or set HADOOP_CONF_DIR if it is a name service", err))
			}
		}
		if time.Since(began)+wait > limit {
			return h.pathError(op, name, h.gaveUp(err, attempt, time.Since(began), reached))
		}
		h.o.Log.Warn("hdfs: trying again", "op", op, "file", h.name+name, "attempt", attempt, "err", err)
		// A little disorder, or all workers come back at once.
		sleep := wait/2 + time.Duration(rand.Int64N(int64(wait)))
		select {
		case <-ctx.Done():
		case <-time.After(sleep):
		}
		wait = min(2*wait, 3*time.Second)
	}
}

func (h *HDFS) gaveUp(err error, attempts int, d time.Duration, reached bool) error {
	hint := "is the cluster up? howdah doctor " + h.name + " checks each step"
	if errors.Is(err, syscall.ECONNREFUSED) && !reached {
		hint = fmt.Sprintf("nothing listens at %s: check host and port (RPC, often 8020 or 9000), and that the NameNode runs", strings.Join(h.addrs, ", "))
	}
	return fmt.Errorf("%w; gave up after %d attempts in %v: %s", err, attempts, d.Round(100*time.Millisecond), hint)
}

// pathError puts the file's full name into an error, in the place of the library's.
func (h *HDFS) pathError(op, name string, err error) error {
	for {
		switch e := err.(type) {
		case *fs.PathError:
			if strings.HasPrefix(e.Path, h.name) {
				return e
			}
			err = e.Err
			continue
		case *retryError:
			err = e.err
			continue
		case *finalError:
			err = e.err
			continue
		}
		return &fs.PathError{Op: op, Path: h.name + name, Err: err}
	}
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

// passing are the exceptions of a NameNode that will answer soon.
var passing = map[string]bool{
	"org.apache.hadoop.ipc.RetriableException":                                  true,
	"org.apache.hadoop.ipc.StandbyException":                                    true,
	"org.apache.hadoop.ipc.ServerNotReadyException":                             true,
	"org.apache.hadoop.ipc.ObserverRetryOnActiveException":                      true,
	"org.apache.hadoop.hdfs.server.namenode.SafeModeException":                  true,
	"org.apache.hadoop.hdfs.protocol.NotReplicatedYetException":                 true,
	"org.apache.hadoop.hdfs.server.namenode.NotReplicatedYetException":          true,
	"org.apache.hadoop.hdfs.protocol.UnregisteredNodeException":                 true,
	"org.apache.hadoop.security.token.SecretManager$InvalidToken":               true, // a block token that ran out: ask for the block again
	"java.nio.channels.ClosedByInterruptException":                              true,
	"java.io.InterruptedIOException":                                            true,
	"java.lang.InterruptedException":                                            true,
	"org.apache.hadoop.hdfs.server.blockmanagement.UnresolvedTopologyException": true,
}

// transient tells whether trying again may help.
func transient(err error) bool {
	var again *retryError
	if errors.As(err, &again) {
		return true
	}
	var final *finalError
	if errors.As(err, &final) {
		return false
	}
	for _, final := range []error{fs.ErrClosed, fs.ErrExist, fs.ErrNotExist, fs.ErrPermission, fs.ErrInvalid, syscall.ENOTEMPTY, errIsDir, errNotDir, ErrChanged, context.Canceled} {
		if errors.Is(err, final) {
			return false
		}
	}
	var u *unsupportedError
	if errors.As(err, &u) {
		return false
	}
	var remote hdfs.Error
	if errors.As(err, &remote) {
		return passing[remote.Exception()]
	}
	// gokrb5 tells its kinds of errors by text. A KDC that cannot be reached may come back; a wrong key will not.
	s := err.Error()
	if strings.Contains(s, "KDC_Error") || strings.Contains(s, "Decrypting_Error") || strings.Contains(s, "Encrypting_Error") || strings.Contains(s, "KRBMessage_Handling_Error") {
		return false
	}
	return true
}
