package strictyaml

import (
	"fmt"
	"sort"
	"strings"
)

// Problem is one mistake in a document, at its place.
type Problem struct {
	File      string `json:"file"`
	Line, Col int    // 0: of the document as a whole
	Path      string `json:"path"` // features[0].clip
	Msg       string `json:"message"`
	Hint      string `json:"hint,omitempty"`
	unread    bool   // the value of the path could not be read
}

// String is `file:2:1: inptu: unknown field (did you mean "input"?)`.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Col)
	}
	b.WriteString(": ")
	if p.Path != "" && p.File != "--set "+p.Path {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Msg)
	if p.Hint != "" {
		b.WriteString(" (" + p.Hint + ")")
	}
	return b.String()
}

// Problems is all mistakes of a document, in its order. It is an error.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, x := range p {
		lines[i] = x.String()
	}
	return strings.Join(lines, "\n")
}

func (p Problems) sorted() Problems {
	sort.SliceStable(p, func(i, j int) bool {
		if p[i].Line != p[j].Line {
			return p[i].Line < p[j].Line
		}
		return p[i].Col < p[j].Col
	})
	return p
}
