// Package sketch holds mergeable summaries: what a pass knows of its rows when it has seen them once.
//
// Every sketch obeys the same verbs: values are added on the mapper, sketches of two runs of rows are merged on the
// driver, and the bytes of a sketch travel between them. The zero value of a sketch is Merge's identity; a sketch's size
// does not grow with the number of rows. Most merges are exact in any order (counts, extremes, HyperLogLog registers,
// bottom-k samples); those that are not (moments, KLL) are merged along a fixed tree by the engine.
//
// Invariant: no file, no clock, no global random source, no logging. What is random is a function of a seed and a count.
package sketch

import "encoding"

// Sketch is what every summary can do, S being the sketch's own pointer type.
type Sketch[S any] interface {
	Merge(S) error
	encoding.BinaryAppender
	encoding.BinaryUnmarshaler
}
