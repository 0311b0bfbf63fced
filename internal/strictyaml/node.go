// Package strictyaml decodes a YAML document into Go structs and forgives nothing: an unknown key, a duplicate key or a
// wrong type is a problem with its line and column and, where one is near, the name that was meant. All problems of a
// document are found at once. It also remembers where each value came from, so that the resolved document can say so.
//
// goccy/go-yaml parses; this package turns its tree into nodes of three kinds and walks them beside a Go type.
package strictyaml

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	yaml "github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Limits on a document. A job file has a few hundred lines; what is larger is not one, and a small file must not unfold
// into a huge one by aliases.
const (
	MaxBytes  = 1 << 20
	maxNodes  = 100_000
	maxDepth  = 64
	maxTokens = 30_000
)

// Kind is what a node is.
type Kind uint8

// The kinds of node.
const (
	Null   Kind = iota
	Scalar      // Value is a string, int64, float64 or bool
	Seq
	Map
)

// Node is a value of the document.
type Node struct {
	Kind      Kind
	Value     any
	Items     []*Node // of a Seq
	Entries   []Entry // of a Map, in the document's order
	Line, Col int     // 0: not from a file
	Origin    string  // "file:line", "--set", ...
}

// Entry is a key and its value.
type Entry struct {
	Key       string
	Line, Col int
	Value     *Node
}

// Get returns the value of a key, or nil.
func (n *Node) Get(key string) *Node {
	for _, e := range n.Entries {
		if e.Key == key {
			return e.Value
		}
	}
	return nil
}

// Plain returns the node as string, int64, float64, bool, nil, []any or map[string]any.
func (n *Node) Plain() any {
	if n == nil {
		return nil
	}
	switch n.Kind {
	case Scalar:
		return n.Value
	case Seq:
		out := make([]any, len(n.Items))
		for i, x := range n.Items {
			out[i] = x.Plain()
		}
		return out
	case Map:
		out := make(map[string]any, len(n.Entries))
		for _, e := range n.Entries {
			out[e.Key] = e.Value.Plain()
		}
		return out
	}
	return nil
}

// floatRE is what YAML's core schema takes for a number with a fraction or an exponent.
var floatRE = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)

// describe says what a node is, for messages.
func (n *Node) describe() string {
	switch n.Kind {
	case Null:
		return "nothing"
	case Seq:
		return "a list"
	case Map:
		return "a mapping"
	}
	switch v := n.Value.(type) {
	case string:
		if len(v) > 40 {
			v = v[:40] + "..."
		}
		return strconv.Quote(v)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	default:
		return fmt.Sprint(v)
	}
}

// reader turns goccy's tree into nodes.
type reader struct {
	file      string
	problems  *Problems
	anchors   map[string]*Node
	count     int
	overflown bool // the document is too large, and not read further
}

func (r *reader) add(line, col int, path, msg string) {
	*r.problems = append(*r.problems, Problem{File: r.file, Line: line, Col: col, Path: path, Msg: msg})
}

// parse reads one document.
func parse(file string, data []byte, problems *Problems) *Node {
	r := &reader{file: file, problems: problems, anchors: map[string]*Node{}}
	switch {
	case len(data) > MaxBytes:
		r.add(0, 0, "", fmt.Sprintf("a job file of %d bytes; at most %d are read: is this the right file?", len(data), MaxBytes))
		return nil
	case bytes.IndexByte(data, 0) >= 0 || !utf8.Valid(data):
		r.add(0, 0, "", "not text: a job file is YAML in UTF-8")
		return nil
	case len(bytes.TrimSpace(data)) == 0:
		r.add(1, 1, "", "the file is empty; a job needs at least a name, data.path and a column with role: label")
		return nil
	}
	f, err := parseAST(data)
	if err != nil {
		var se *yaml.SyntaxError
		if errors.As(err, &se) && se.Token != nil && se.Token.Position != nil {
			r.add(se.Token.Position.Line, se.Token.Position.Column, "", se.Message)
		} else {
			r.add(0, 0, "", err.Error())
		}
		return nil
	}
	var body ast.Node
	for _, d := range f.Docs {
		if d.Body == nil || d.Body.Type() == ast.CommentType {
			continue
		}
		if body != nil {
			p := d.Body.GetToken().Position
			r.add(p.Line, p.Column, "", "a second document; a job file holds one")
			return nil
		}
		body = d.Body
	}
	if body == nil {
		r.add(1, 1, "", "the file holds no value, only comments")
		return nil
	}
	n := r.node(body, "", 0)
	if r.overflown {
		return nil
	}
	return n
}

// parseAST keeps a panic of the parser inside: hostile input must yield an error.
func parseAST(data []byte) (f *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("not valid YAML (%v)", p)
		}
	}()
	// The parser recurses; a depth that no job has is refused before it can exhaust the stack.
	depth, deepest := 0, 0
	for _, c := range data {
		switch c {
		case '[', '{':
			depth++
			deepest = max(deepest, depth)
		case ']', '}':
			depth--
		}
	}
	if deepest > 20*maxDepth {
		return nil, fmt.Errorf("nested %d levels deep; at most %d are read", deepest, maxDepth)
	}
	// Its time grows with the square of a mapping's entries: 10,000 take more than a second.
	tokens := lexer.Tokenize(string(data))
	if len(tokens) > maxTokens {
		return nil, fmt.Errorf("%d words and signs; at most %d are read: is this the right file?", len(tokens), maxTokens)
	}
	run := 0 // of dashes: - - - is a list in a list in a list
	for _, t := range tokens {
		if t.Type != token.SequenceEntryType {
			run = 0
		} else if run++; run > maxDepth {
			return nil, fmt.Errorf("nested more than %d levels deep", maxDepth)
		}
	}
	return parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
}

func (r *reader) node(n ast.Node, path string, depth int) *Node {
	r.count++
	out := &Node{}
	if t := n.GetToken(); t != nil && t.Position != nil {
		out.Line, out.Col = t.Position.Line, t.Position.Column
	}
	out.Origin = r.file + ":" + strconv.Itoa(out.Line)
	if r.count > maxNodes || depth > maxDepth {
		if !r.overflown {
			r.add(out.Line, out.Col, path, fmt.Sprintf("the document unfolds too far: at most %d values, %d levels deep", maxNodes, maxDepth))
		}
		r.overflown = true
		return out
	}
	scalar := func(v any) *Node { out.Kind, out.Value = Scalar, v; return out }
	switch n := n.(type) {
	case *ast.NullNode:
		return out
	case *ast.StringNode:
		// The parser takes 1e-3 for text; YAML 1.2 says it is a number (10.3.2, core schema).
		if n.Token.Type == token.StringType && floatRE.MatchString(n.Value) {
			if x, err := strconv.ParseFloat(n.Value, 64); err == nil {
				return scalar(x)
			}
		}
		return scalar(n.Value)
	case *ast.LiteralNode:
		return scalar(n.Value.Value)
	case *ast.BoolNode:
		return scalar(n.Value)
	case *ast.IntegerNode:
		switch v := n.Value.(type) {
		case int64:
			return scalar(v)
		case uint64:
			if v <= math.MaxInt64 {
				return scalar(int64(v))
			}
			return scalar(float64(v))
		}
		return scalar(n.String())
	case *ast.FloatNode:
		return scalar(n.Value)
	case *ast.InfinityNode:
		return scalar(n.Value)
	case *ast.NanNode:
		return scalar(math.NaN())
	case *ast.TagNode:
		r.add(out.Line, out.Col, path, "tags ("+n.Start.Value+") are not read; write the value plainly")
		return out
	case *ast.AnchorNode:
		v := r.node(n.Value, path, depth+1)
		r.anchors[n.Name.String()] = v
		return v
	case *ast.AliasNode:
		v, ok := r.anchors[n.Value.String()]
		if !ok {
			r.add(out.Line, out.Col, path, "*"+n.Value.String()+": no such anchor above")
			return out
		}
		r.count += v.size()
		return v
	case *ast.SequenceNode:
		out.Kind = Seq
		for i, x := range n.Values {
			out.Items = append(out.Items, r.node(x, fmt.Sprintf("%s[%d]", path, i), depth+1))
		}
		return out
	case *ast.MappingNode:
		out.Kind = Map
		for _, e := range n.Values {
			r.entry(out, e, path, depth)
		}
		if len(out.Entries) > 0 && !n.IsFlowStyle {
			out.Line, out.Col = out.Entries[0].Line, out.Entries[0].Col
		}
		return out
	case *ast.MappingValueNode:
		out.Kind = Map
		r.entry(out, n, path, depth)
		if len(out.Entries) > 0 {
			out.Line, out.Col = out.Entries[0].Line, out.Entries[0].Col
		}
		return out
	}
	r.add(out.Line, out.Col, path, fmt.Sprintf("%s: not read in a job file", n.Type()))
	return out
}

func (r *reader) entry(out *Node, e *ast.MappingValueNode, path string, depth int) {
	tok := e.Key.GetToken()
	line, col := tok.Position.Line, tok.Position.Column
	if _, merge := e.Key.(*ast.MergeKeyNode); merge {
		r.add(line, col, path, "merge keys (<<) are not read; repeat the values, or use a *alias for the whole value")
		return
	}
	key := ""
	switch k := e.Key.(type) {
	case *ast.StringNode:
		key = k.Value
	default:
		key = strings.TrimSpace(tok.Value)
	}
	at := Join(path, key)
	for _, seen := range out.Entries {
		if seen.Key == key {
			r.add(line, col, at, fmt.Sprintf("duplicate key; the first is on line %d", seen.Line))
			return
		}
	}
	v := r.node(e.Value, at, depth+1)
	if v.Line == 0 {
		v.Line, v.Col = line, col
	}
	out.Entries = append(out.Entries, Entry{key, line, col, v})
}

func (n *Node) size() int {
	s := 1
	for _, x := range n.Items {
		s += x.size()
	}
	for _, e := range n.Entries {
		s += e.Value.size()
	}
	return s
}

// Join appends a key to a path: "train" and "epochs" make "train.epochs".
func Join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
