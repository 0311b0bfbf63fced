package shard

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// compact reads Thrift's compact protocol, in which footers and page headers are written
// (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md). It allocates nothing by itself and
// never trusts a length: a list cannot have more elements than bytes are left. The library's own decoder allocates
// what a hostile length asks for, and does not tell an absent null count from zero.
type compact struct {
	b   []byte
	pos int
}

// The types of the compact protocol.
const (
	tStop   = 0
	tTrue   = 1
	tFalse  = 2
	tByte   = 3
	tI16    = 4
	tI32    = 5
	tI64    = 6
	tDouble = 7
	tBinary = 8
	tList   = 9
	tSet    = 10
	tMap    = 11
	tStruct = 12
)

var errThriftEnd = errors.New("thrift: unexpected end")

func (c *compact) byte() (byte, error) {
	if c.pos >= len(c.b) {
		return 0, errThriftEnd
	}
	v := c.b[c.pos]
	c.pos++
	return v, nil
}

func (c *compact) uvarint() (uint64, error) {
	v, n := binary.Uvarint(c.b[c.pos:])
	if n <= 0 {
		return 0, errThriftEnd
	}
	c.pos += n
	return v, nil
}

// int reads a zigzag integer: i16, i32 or i64.
func (c *compact) int() (int64, error) {
	u, err := c.uvarint()
	return int64(u>>1) ^ -int64(u&1), err
}

// bytes reads a string without copying.
func (c *compact) bytes() ([]byte, error) {
	n, err := c.uvarint()
	if err != nil {
		return nil, err
	}
	if n > uint64(len(c.b)-c.pos) {
		return nil, errThriftEnd
	}
	v := c.b[c.pos : c.pos+int(n) : c.pos+int(n)]
	c.pos += int(n)
	return v, nil
}

// list reads a list's head: its length and its elements' type.
func (c *compact) list() (n int, elem byte, err error) {
	h, err := c.byte()
	if err != nil {
		return 0, 0, err
	}
	size := uint64(h >> 4)
	if size == 15 {
		if size, err = c.uvarint(); err != nil {
			return 0, 0, err
		}
	}
	if size > uint64(len(c.b)-c.pos) {
		return 0, 0, fmt.Errorf("thrift: a list of %d elements in %d bytes", size, len(c.b)-c.pos)
	}
	return int(size), h & 15, nil
}

// fields calls f for each field of a struct; f must read the value, or return errSkip to have it skipped.
func (c *compact) fields(f func(id int, typ byte) error) error {
	id := 0
	for {
		h, err := c.byte()
		if err != nil {
			return err
		}
		if h == tStop {
			return nil
		}
		if d := h >> 4; d != 0 {
			id += int(d)
		} else {
			v, err := c.int()
			if err != nil {
				return err
			}
			id = int(int16(v))
		}
		at := c.pos
		err = f(id, h&15)
		if err == errSkip { //nolint:errorlint // a signal, never wrapped
			c.pos = at
			err = c.skip(h&15, 0)
		}
		if err != nil {
			return err
		}
	}
}

var errSkip = errors.New("skip")

// want lets a field be read only if it has the type that we know.
func want(typ byte, types ...byte) error {
	for _, t := range types {
		if t == typ {
			return nil
		}
	}
	return fmt.Errorf("thrift: unexpected field type %d", typ)
}

func (c *compact) intField(typ byte) (int64, error) {
	if err := want(typ, tI16, tI32, tI64); err != nil {
		return 0, err
	}
	return c.int()
}

func (c *compact) bytesField(typ byte) ([]byte, error) {
	if err := want(typ, tBinary); err != nil {
		return nil, err
	}
	return c.bytes()
}

// skip passes over a value.
func (c *compact) skip(typ byte, depth int) error {
	if depth > 32 {
		return errors.New("thrift: nested too deeply")
	}
	switch typ {
	case tTrue, tFalse: // in a struct the value is in the type
		return nil
	case tByte:
		_, err := c.byte()
		return err
	case tI16, tI32, tI64:
		_, err := c.uvarint()
		return err
	case tDouble:
		if len(c.b)-c.pos < 8 {
			return errThriftEnd
		}
		c.pos += 8
		return nil
	case tBinary:
		_, err := c.bytes()
		return err
	case tList, tSet:
		n, elem, err := c.list()
		if err != nil {
			return err
		}
		for range n {
			if elem == tTrue || elem == tFalse {
				_, err = c.byte()
			} else {
				err = c.skip(elem, depth+1)
			}
			if err != nil {
				return err
			}
		}
		return nil
	case tMap:
		n, err := c.uvarint()
		if err != nil || n == 0 {
			return err
		}
		if n > uint64(len(c.b)-c.pos) {
			return errThriftEnd
		}
		kv, err := c.byte()
		if err != nil {
			return err
		}
		for range n {
			for _, t := range [2]byte{kv >> 4, kv & 15} {
				if t == tTrue || t == tFalse {
					_, err = c.byte()
				} else {
					err = c.skip(t, depth+1)
				}
				if err != nil {
					return err
				}
			}
		}
		return nil
	case tStruct:
		for {
			h, err := c.byte()
			if err != nil || h == tStop {
				return err
			}
			if h>>4 == 0 {
				if _, err := c.uvarint(); err != nil {
					return err
				}
			}
			if err := c.skip(h&15, depth+1); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("thrift: unknown type %d", typ)
}
