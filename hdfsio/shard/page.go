package shard

import (
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/parquet-go/parquet-go/format"
)

// pageHeader is what we use of a page's header.
type pageHeader struct {
	kind         format.PageType
	uncompressed int64
	compressed   int64
	crc          uint32
	hasCRC       bool
	values       int64 // nulls included
	encoding     format.Encoding
	defEncoding  format.Encoding
	repEncoding  format.Encoding
	rows         int64 // version 2; -1: not known
	nulls        int64 // version 2; -1: not known
	defBytes     int64 // version 2
	repBytes     int64 // version 2
	isCompressed bool  // version 2
	headed       bool  // the part that the kind needs is there
}

// parsePageHeader reads a header at the beginning of b and returns its length.
func parsePageHeader(b []byte) (h pageHeader, n int, err error) {
	c := compact{b: b}
	h = pageHeader{rows: -1, nulls: -1, isCompressed: true}
	err = c.fields(func(id int, typ byte) (err error) {
		var v int64
		switch id {
		case 1:
			v, err = c.intField(typ)
			h.kind = format.PageType(v)
		case 2:
			h.uncompressed, err = c.intField(typ)
		case 3:
			h.compressed, err = c.intField(typ)
		case 4:
			v, err = c.intField(typ)
			h.crc, h.hasCRC = uint32(v), true
		case 5, 7, 8:
			if err := want(typ, tStruct); err != nil {
				return err
			}
			kind := map[int]format.PageType{5: format.DataPage, 7: format.DictionaryPage, 8: format.DataPageV2}[id]
			if kind != h.kind {
				return errSkip
			}
			h.headed = true
			return parseKindHeader(&c, &h)
		default:
			return errSkip
		}
		return err
	})
	return h, c.pos, err
}

func parseKindHeader(c *compact, h *pageHeader) error {
	return c.fields(func(id int, typ byte) (err error) {
		var v int64
		v2 := h.kind == format.DataPageV2
		switch {
		case id == 1:
			h.values, err = c.intField(typ)
		case id == 2 && !v2, id == 4 && v2:
			v, err = c.intField(typ)
			h.encoding = format.Encoding(v)
		case id == 2 && v2:
			h.nulls, err = c.intField(typ)
		case id == 3 && v2:
			h.rows, err = c.intField(typ)
		case id == 5 && v2:
			h.defBytes, err = c.intField(typ)
		case id == 6 && v2:
			h.repBytes, err = c.intField(typ)
		case id == 7 && v2:
			h.isCompressed = typ == tTrue
		case id == 3 && h.kind == format.DataPage:
			v, err = c.intField(typ)
			h.defEncoding = format.Encoding(v)
		case id == 4 && h.kind == format.DataPage:
			v, err = c.intField(typ)
			h.repEncoding = format.Encoding(v)
		default:
			return errSkip
		}
		return err
	})
}

// Limits on what a page may claim; the format's own are 2 GiB.
const (
	maxPageBytes = 1 << 30
	headerPeek   = 512
	maxHeader    = 16 << 20 // statistics of long text make headers long
)

// readHeader reads the next page's header from the chunk. ok is false at the chunk's end.
func readHeader(s *stream) (h pageHeader, ok bool, err error) {
	if s.remaining() == 0 {
		return h, false, nil
	}
	for n := headerPeek; ; n *= 4 {
		b, err := s.peek(n)
		if err != nil {
			return h, false, err
		}
		h, size, err := parsePageHeader(b)
		if errors.Is(err, errThriftEnd) && int64(len(b)) < s.remaining() && n < maxHeader {
			continue
		}
		if err != nil {
			return h, false, fmt.Errorf("page header: %w", err)
		}
		s.consume(size)
		switch {
		case h.compressed < 0 || h.compressed > s.remaining():
			return h, false, fmt.Errorf("a page of %d bytes, but the chunk has %d left", h.compressed, s.remaining())
		case h.uncompressed < 0 || h.uncompressed > maxPageBytes:
			return h, false, fmt.Errorf("a page of %d bytes when decompressed", h.uncompressed)
		case h.values < 0 || h.kind != format.IndexPage && !h.headed:
			return h, false, errors.New("page header: incomplete")
		}
		return h, true, nil
	}
}

// readPage returns a page's bytes as they are in the file, having verified their checksum if there is one. They are
// valid until the stream moves on; see stream.take.
func readPage(s *stream, h *pageHeader) ([]byte, error) {
	b, err := s.take(int(h.compressed))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) < h.compressed {
		return nil, errors.New("the chunk ends within a page")
	}
	if h.hasCRC {
		if got := crc32.ChecksumIEEE(b); got != h.crc {
			return nil, fmt.Errorf("damaged: the page's checksum is %08x, its header says %08x", got, h.crc)
		}
	}
	return b, nil
}
