// Which files a path or a pattern means.

package hdfsio

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// Entry is a file that a pattern matched.
type Entry struct {
	Path string
	Info fs.FileInfo
}

// Glob returns the files that a pattern means, sorted by path.
//
// A pattern is a path whose parts may hold * (any run of characters), ? (one), [a-z0] and [^a-z] (one of a set, or not of it),
// {a,b} (one of several, with patterns and slashes inside if need be) and ** (alone in a part: any number of directories). A backslash
// takes the next character as it is. A directory, named or matched, means all files below it. Names that begin with _ or . are
// passed over, as Hadoop and Spark do, unless the pattern's part begins so too. An existing path is taken as it stands first: a file
// may have brackets in its name.
//
// No match is an error that is fs.ErrNotExist and tells what is there instead.
func Glob(ctx context.Context, fsys FS, pattern string) ([]Entry, error) {
	g := globber{ctx: ctx, fsys: fsys, found: map[string]fs.FileInfo{}}
	info, err := fsys.Stat(ctx, pattern)
	switch {
	case err == nil:
		err = g.all(path.Clean(pattern), info)
	case errors.Is(err, fs.ErrNotExist) && hasMeta(pattern):
		var alternatives []string
		if alternatives, err = braces(pattern); err != nil {
			return nil, err
		}
		for _, p := range alternatives {
			if err = g.pattern(p); err != nil {
				break
			}
		}
	case errors.Is(err, fs.ErrNotExist):
		err = nil
	}
	if err != nil {
		return nil, err
	}
	if len(g.found) == 0 {
		return nil, nothing(ctx, fsys, pattern)
	}
	entries := make([]Entry, 0, len(g.found))
	for p, info := range g.found {
		entries = append(entries, Entry{p, info})
	}
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
	return entries, nil
}

// Root returns the directory below which a pattern's files are told apart: its parts up to the first that is a pattern or a hive
// partition (key=value). Rows and files are named by their path below it.
func Root(pattern string) string {
	abs := strings.HasPrefix(pattern, "/")
	var parts []string
	for p := range strings.SplitSeq(pattern, "/") {
		if p == "" {
			continue
		}
		if _, _, ok := partition(p); ok || hasMeta(p) {
			break
		}
		parts = append(parts, p)
	}
	root := strings.Join(parts, "/")
	if abs {
		return "/" + root
	}
	if root == "" {
		return "."
	}
	return root
}

func hidden(name string) bool { return strings.HasPrefix(name, "_") || strings.HasPrefix(name, ".") }

func hasMeta(s string) bool { return strings.ContainsAny(s, `*?[{\`) }

type globber struct {
	ctx   context.Context
	fsys  FS
	found map[string]fs.FileInfo
}

// all takes a file, or all files below a directory.
func (g *globber) all(name string, info fs.FileInfo) error {
	if !info.IsDir() {
		g.found[name] = info
		return nil
	}
	infos, err := g.fsys.List(g.ctx, name)
	if err != nil {
		return err
	}
	for _, info := range infos {
		if hidden(info.Name()) {
			continue
		}
		if err := g.all(path.Join(name, info.Name()), info); err != nil {
			return err
		}
	}
	return nil
}

// pattern takes what a pattern without braces means.
func (g *globber) pattern(pattern string) error {
	dir := "/"
	if !strings.HasPrefix(pattern, "/") {
		dir = "."
	}
	var parts []string
	for p := range strings.SplitSeq(pattern, "/") {
		if p != "" && p != "." {
			parts = append(parts, p)
		}
	}
	for i, p := range parts {
		if p != "**" {
			if err := checkPart(p); err != nil {
				return fmt.Errorf("%s: part %d, %q: %w", pattern, i+1, p, err)
			}
		}
	}
	return g.descend(dir, parts)
}

func (g *globber) descend(dir string, parts []string) error {
	// Parts without a pattern cost nothing: the next listing or stat finds out.
	for len(parts) > 0 && !hasMeta(parts[0]) {
		dir = path.Join(dir, parts[0])
		parts = parts[1:]
	}
	if len(parts) == 0 {
		info, err := g.fsys.Stat(g.ctx, dir)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		return g.all(dir, info)
	}
	part, rest := parts[0], parts[1:]
	if part == "**" {
		for len(rest) > 0 && rest[0] == "**" {
			rest = rest[1:]
		}
		if len(rest) > 0 { // no directory at all
			if err := g.descend(dir, rest); err != nil {
				return err
			}
		}
	}
	infos, err := g.fsys.List(g.ctx, dir)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNotDir) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, info := range infos {
		name := info.Name()
		if hidden(name) && !hidden(part) {
			continue
		}
		full := path.Join(dir, name)
		switch {
		case part == "**" && len(rest) == 0:
			err = g.all(full, info)
		case part == "**":
			if info.IsDir() {
				err = g.descend(full, parts)
			}
		case !matchPart(part, name):
		case len(rest) == 0:
			err = g.all(full, info)
		case info.IsDir():
			err = g.descend(full, rest)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// checkPart finds mistakes in one part's pattern.
func checkPart(p string) error {
	for p != "" {
		_, _, rest, err := oneOf(p)
		if err != nil {
			return err
		}
		p = rest
	}
	return nil
}

// oneOf takes the first element of a pattern: a star, or what one character must be.
func oneOf(p string) (star bool, match func(rune) bool, rest string, err error) {
	r, n := utf8.DecodeRuneInString(p)
	switch r {
	case '*':
		return true, nil, p[1:], nil
	case '?':
		return false, func(rune) bool { return true }, p[1:], nil
	case '\\':
		if len(p) == 1 {
			return false, nil, "", errors.New("a backslash at the end")
		}
		r, n = utf8.DecodeRuneInString(p[1:])
		return false, func(c rune) bool { return c == r }, p[1+n:], nil
	case '[':
		return set(p)
	}
	return false, func(c rune) bool { return c == r }, p[n:], nil
}

func set(p string) (bool, func(rune) bool, string, error) {
	type span struct{ lo, hi rune }
	var spans []span
	not := false
	s := p[1:]
	if strings.HasPrefix(s, "^") || strings.HasPrefix(s, "!") {
		not, s = true, s[1:]
	}
	next := func() rune {
		s = strings.TrimPrefix(s, `\`)
		r, n := utf8.DecodeRuneInString(s)
		s = s[n:]
		return r
	}
	for first := true; first || !strings.HasPrefix(s, "]"); first = false {
		if s == "" || s == `\` {
			return false, nil, "", errors.New("a [ without its ]")
		}
		lo := next()
		hi := lo
		if len(s) > 1 && s[0] == '-' && s[1] != ']' {
			s = s[1:]
			hi = next()
			if hi < lo {
				return false, nil, "", fmt.Errorf("an empty range %c-%c", lo, hi)
			}
		}
		spans = append(spans, span{lo, hi})
	}
	match := func(c rune) bool {
		for _, x := range spans {
			if x.lo <= c && c <= x.hi {
				return !not
			}
		}
		return not
	}
	return false, match, s[1:], nil
}

// matchPart tells whether one part's pattern matches a name. It goes back to the last star only, so it takes at most
// len(pattern) x len(name) steps.
func matchPart(p, name string) bool {
	var backP, backName string
	canBack := false
	for {
		if p == "" {
			if name == "" {
				return true
			}
		} else {
			star, match, rest, err := oneOf(p)
			if err != nil {
				return false
			}
			if star {
				backP, backName, canBack = rest, name, true
				p = rest
				continue
			}
			if c, n := utf8.DecodeRuneInString(name); name != "" && match(c) {
				p, name = rest, name[n:]
				continue
			}
		}
		if !canBack || backName == "" {
			return false
		}
		_, n := utf8.DecodeRuneInString(backName)
		backName = backName[n:]
		p, name = backP, backName
	}
}

const maxAlternatives = 10_000

// braces writes a pattern's {a,b} out into patterns without braces.
func braces(p string) ([]string, error) {
	out := []string{""}
	for i := 0; i < len(p); {
		switch p[i] {
		case '\\':
			end := min(i+2, len(p))
			out = appendAll(out, p[i:end])
			i = end
		case '{':
			end, options, err := alternatives(p, i)
			if err != nil {
				return nil, err
			}
			var next []string
			for _, o := range options {
				inner, err := braces(o)
				if err != nil {
					return nil, err
				}
				for _, head := range out {
					for _, tail := range inner {
						next = append(next, head+tail)
					}
				}
				if len(next) > maxAlternatives {
					return nil, fmt.Errorf("%s: the braces mean more than %d patterns", p, maxAlternatives)
				}
			}
			out, i = next, end
		default:
			out = appendAll(out, p[i:i+1])
			i++
		}
	}
	return out, nil
}

func appendAll(heads []string, tail string) []string {
	for i := range heads {
		heads[i] += tail
	}
	return heads
}

// alternatives splits the brace that opens at i; end is behind its closing one.
func alternatives(p string, i int) (end int, options []string, err error) {
	depth, from := 0, i+1
	for j := i; j < len(p); j++ {
		switch p[j] {
		case '\\':
			j++
		case '{':
			depth++
		case ',':
			if depth == 1 {
				options = append(options, p[from:j])
				from = j + 1
			}
		case '}':
			if depth--; depth == 0 {
				return j + 1, append(options, p[from:j]), nil
			}
		}
	}
	return 0, nil, fmt.Errorf("%s: a { without its }", p)
}

// nothing says that a pattern matched nothing, and what is there.
func nothing(ctx context.Context, fsys FS, pattern string) error {
	where := ""
	if s, ok := fsys.(fmt.Stringer); ok {
		where = s.String()
	}
	dir := path.Dir(pattern)
	if info, err := fsys.Stat(ctx, pattern); err == nil && info.IsDir() { // a directory in which nothing counts
		return &fs.PathError{Op: "find", Path: where + pattern, Err: fmt.Errorf("%w: %s", noFile{}, contents(ctx, fsys, where, pattern, info))}
	}
	if i := strings.IndexAny(pattern, `*?[{\`); i >= 0 {
		dir = path.Dir(pattern[:i] + "x")
	}
	for {
		info, err := fsys.Stat(ctx, dir)
		if err == nil {
			return &fs.PathError{Op: "find", Path: where + pattern, Err: fmt.Errorf("%w: no file matches; %s", fs.ErrNotExist, contents(ctx, fsys, where, dir, info))}
		}
		up := path.Dir(dir)
		if !errors.Is(err, fs.ErrNotExist) || up == dir {
			return &fs.PathError{Op: "find", Path: where + pattern, Err: fmt.Errorf("%w: no file matches", fs.ErrNotExist)}
		}
		dir = up
	}
}

// noFile says that a directory is there, but no file in it; to callers it is fs.ErrNotExist.
type noFile struct{}

func (noFile) Error() string        { return "the directory holds no file to read" }
func (noFile) Is(target error) bool { return target == fs.ErrNotExist }

func contents(ctx context.Context, fsys FS, where, dir string, info fs.FileInfo) string {
	if !info.IsDir() {
		return fmt.Sprintf("%s%s is a file", where, dir)
	}
	infos, err := fsys.List(ctx, dir)
	if err != nil {
		return fmt.Sprintf("%s%s exists, and cannot be listed: %v", where, dir, err)
	}
	if len(infos) == 0 {
		return fmt.Sprintf("%s%s exists and is empty", where, dir)
	}
	const most = 5
	var names []string
	for _, i := range infos[:min(most, len(infos))] {
		n := i.Name()
		if i.IsDir() {
			n += "/"
		}
		names = append(names, n)
	}
	more := ""
	if len(infos) > most {
		more = fmt.Sprintf(" and %d more, up to %s", len(infos)-most, infos[len(infos)-1].Name())
	}
	return fmt.Sprintf("%s%s holds %s%s", where, dir, strings.Join(names, ", "), more)
}
