package shard

import (
	"errors"
	"fmt"
	"math/bits"

	"github.com/parquet-go/parquet-go/format"

	"howdah/internal/table"
)

// column reads one column of one row group, batch by batch. Its buffers serve one row group after the other.
type column struct {
	leaf *leaf
	want table.Field
	in   stream
	k    *chunk
	most int64 // a page larger than this is refused

	page     []byte // decompressed
	levels   []byte // of a version 2 page, which are not compressed
	left     int    // levels left in the page
	defs     hybrid
	reps     hybrid
	vals     values
	dict     dictionary
	seen     int64 // values (nulls included) in the pages met so far
	rows     int64 // rows yielded, for messages
	anyPages bool

	out  sink
	list lister
	conv converter
}

// start begins a row group.
func (c *column) start(l *leaf, want table.Field, k *chunk, most int64) error {
	c.leaf, c.want, c.k, c.most = l, want, k, most
	c.left, c.seen, c.rows, c.anyPages = 0, 0, 0, false
	c.vals.leaf, c.vals.size, c.vals.dict = l, physicalSize(l), nil
	c.list.reset()
	if name, ok := codecName(k.codec); !ok {
		return fmt.Errorf("compressed with %s, which is not supported", name)
	}
	return nil
}

// next returns the next n rows. They are valid until the next call.
func (c *column) next(n int) (table.Column, error) {
	var col table.Column
	var err error
	switch {
	case c.leaf.repeated():
		col, err = c.nextLists(n)
	default:
		col, err = c.nextFlat(n)
	}
	if err == nil {
		col, err = c.conv.convert(col, c.leaf.field, c.want)
	}
	if err != nil {
		return nil, c.atRow(err)
	}
	c.rows += int64(n)
	return col, nil
}

// atRow turns the index of an offending value into a row of the row group.
func (c *column) atRow(err error) error {
	var ve *valueError
	if errors.As(err, &ve) {
		return fmt.Errorf("row %d of the row group: %s", c.rows+int64(ve.index), ve.what)
	}
	return err
}

func (c *column) nextFlat(n int) (table.Column, error) {
	c.out.reset(c.leaf)
	for done := 0; done < n; {
		if c.left == 0 {
			if err := c.nextPage(); err != nil {
				return nil, c.short(err, done)
			}
			continue
		}
		k := min(n-done, c.left)
		present := k
		if c.leaf.maxDef > 0 {
			var err error
			if present, err = c.out.validity(&c.defs, done, k, c.leaf.maxDef); err != nil {
				return nil, fmt.Errorf("definition levels: %w", err)
			}
		}
		if err := c.out.take(&c.vals, k, present, k == n); err != nil {
			return nil, err
		}
		c.left -= k
		done += k
	}
	return c.out.column(n), nil
}

var errNoPage = errors.New("no page")

func (c *column) short(err error, done int) error {
	if errors.Is(err, errNoPage) {
		return fmt.Errorf("the chunk ends after %d rows, the row group has more", c.rows+int64(done))
	}
	return err
}

// finish sees that the chunk holds no more values than the row group has rows.
func (c *column) finish() error {
	if c.left > 0 {
		return fmt.Errorf("the chunk has %d values more than the row group has rows", c.left)
	}
	for {
		h, ok, err := readHeader(&c.in)
		if err != nil {
			return nil //nolint:nilerr // some writers pad chunks; all rows have been read and counted
		}
		if !ok {
			break
		}
		if h.values > 0 && (h.kind == format.DataPage || h.kind == format.DataPageV2) {
			return fmt.Errorf("the chunk has %d values more than the row group has rows", h.values)
		}
		if err := c.in.skip(h.compressed); err != nil {
			return err
		}
	}
	if c.seen != c.k.values {
		return fmt.Errorf("the pages have %d values, the footer says %d", c.seen, c.k.values)
	}
	return nil
}

// nextPage decodes the next data page's head, and a dictionary page before it.
func (c *column) nextPage() error {
	for {
		h, ok, err := readHeader(&c.in)
		if err != nil {
			return err
		}
		if !ok {
			return errNoPage
		}
		switch h.kind {
		case format.DictionaryPage:
			if c.vals.dict != nil || c.anyPages {
				return errors.New("a second dictionary page")
			}
			if err := c.dictionaryPage(&h); err != nil {
				return fmt.Errorf("dictionary page: %w", err)
			}
		case format.DataPage, format.DataPageV2:
			c.anyPages = true
			if c.seen += h.values; c.seen > c.k.values {
				return fmt.Errorf("the pages have %d values or more, the footer says %d", c.seen, c.k.values)
			}
			if err := c.dataPage(&h); err != nil {
				return err
			}
			if c.left > 0 {
				return nil
			}
		default:
			if err := c.in.skip(h.compressed); err != nil {
				return err
			}
		}
	}
}

// skipPage passes over the next data page without decompressing it, if it lies within the next n rows; it returns how
// many rows it passed over. For flat columns only.
func (c *column) skipPage(n int64) (int64, error) {
	h, ok, err := c.peekHeader()
	if err != nil || !ok {
		return 0, err
	}
	if h.kind != format.DataPage && h.kind != format.DataPageV2 || h.values > n || h.values == 0 {
		return 0, nil
	}
	if _, _, err := readHeader(&c.in); err != nil {
		return 0, err
	}
	c.anyPages = true
	if c.seen += h.values; c.seen > c.k.values {
		return 0, fmt.Errorf("the pages have %d values or more, the footer says %d", c.seen, c.k.values)
	}
	return h.values, c.in.skip(h.compressed)
}

// peekHeader reads the next page's header without consuming it.
func (c *column) peekHeader() (pageHeader, bool, error) {
	before := c.in.remaining()
	h, ok, err := readHeader(&c.in)
	if err == nil && ok {
		c.in.pos -= int(before - c.in.remaining()) // the header is still at hand
	}
	return h, ok, err
}

// skip passes over n rows.
func (c *column) skip(n int64) error {
	for n > 0 {
		if c.left == 0 && !c.leaf.repeated() {
			k, err := c.skipPage(n)
			if err != nil {
				return err
			}
			if k > 0 {
				n -= k
				c.rows += k
				continue
			}
		}
		k := int(min(n, table.BatchRows))
		if c.left > 0 && !c.leaf.repeated() {
			k = min(k, c.left)
		}
		var err error
		if c.leaf.repeated() {
			_, err = c.nextLists(k)
		} else {
			_, err = c.nextFlat(k)
		}
		if err != nil {
			return c.atRow(err)
		}
		c.rows += int64(k)
		n -= int64(k)
	}
	return nil
}

func (c *column) roomFor(h *pageHeader) error {
	if h.uncompressed > c.most {
		return fmt.Errorf("a page of %d bytes, which is more than the whole memory budget of %d", h.uncompressed, c.most)
	}
	return nil
}

// dataPage decompresses a page and sets the decoders of levels and values at their beginnings.
func (c *column) dataPage(h *pageHeader) error {
	l := c.leaf
	if err := c.roomFor(h); err != nil {
		return err
	}
	raw, err := readPage(&c.in, h)
	if err != nil {
		return err
	}
	c.left = int(h.values)
	if h.kind == format.DataPageV2 {
		levels := h.repBytes + h.defBytes
		if h.repBytes < 0 || h.defBytes < 0 || levels > int64(len(raw)) || levels > h.uncompressed {
			return fmt.Errorf("levels of %d and %d bytes in a page of %d", h.repBytes, h.defBytes, len(raw))
		}
		if h.rows >= 0 && !l.repeated() && h.rows != h.values {
			return fmt.Errorf("a page of %d rows and %d values", h.rows, h.values)
		}
		body := raw[levels:]
		// Levels are not compressed; they are copied together with the values, since raw goes away with the stream's
		// next move.
		lv := c.levelBuf(int(levels))
		copy(lv, raw)
		codec := c.k.codec
		if !h.isCompressed {
			codec = format.Uncompressed
		}
		if body, err = c.inflate(codec, body, 0, int(h.uncompressed-levels)); err != nil {
			return err
		}
		c.reps = newHybrid(lv[:h.repBytes], levelWidth(l.maxRep))
		c.defs = newHybrid(lv[h.repBytes:], levelWidth(l.maxDef))
		return c.vals.begin(h.encoding, body, c.left)
	}
	rest, err := c.inflate(c.k.codec, raw, c.padding(h), int(h.uncompressed))
	if err != nil {
		return err
	}
	if c.reps, rest, err = levels(rest, l.maxRep, h.repEncoding, c.left); err != nil {
		return fmt.Errorf("repetition levels: %w", err)
	}
	if c.defs, rest, err = levels(rest, l.maxDef, h.defEncoding, c.left); err != nil {
		return fmt.Errorf("definition levels: %w", err)
	}
	return c.vals.begin(h.encoding, rest, c.left)
}

// padding is how many bytes should stand before a version 1 page so that its values lie aligned in memory and batches
// can be views of them. Values follow the levels; those of a page without nulls are one run, whose length is known.
func (c *column) padding(h *pageHeader) int {
	if c.leaf.maxDef == 0 || c.leaf.repeated() {
		return 0
	}
	run := 4 + 1 + (bits.Len64(uint64(h.values)<<1|1)+6)/7 // its length, its value, its head
	return -run & 7
}

// inflate returns a page's bytes decompressed, pad bytes into a buffer. They are valid until the next page; those of a page that is not
// compressed are the stream's own, which moves on only then.
func (c *column) inflate(codec format.CompressionCodec, raw []byte, pad, n int) ([]byte, error) {
	if codec == format.Uncompressed && len(raw) == n && !c.in.lent {
		return raw, nil
	}
	var err error
	c.page, err = decompress(codec, c.page, raw, pad, n)
	if err != nil {
		return nil, err
	}
	return c.page[pad:], nil
}

// levels cuts a version 1 page's levels off its values. Where the highest level is 0 there are none.
func levels(b []byte, highest int, enc format.Encoding, n int) (hybrid, []byte, error) {
	if highest == 0 {
		return hybrid{}, b, nil
	}
	if enc != format.RLE {
		return hybrid{}, nil, fmt.Errorf("encoding %v, which is not supported", enc)
	}
	if len(b) < 4 {
		return hybrid{}, nil, errValuesEnd
	}
	size := int64(b[0]) | int64(b[1])<<8 | int64(b[2])<<16 | int64(b[3])<<24
	if size > int64(len(b)-4) {
		return hybrid{}, nil, errValuesEnd
	}
	return newHybrid(b[4:4+size], levelWidth(highest)), b[4+size:], nil
}

func (c *column) levelBuf(n int) []byte {
	if cap(c.levels) < n+slack {
		c.levels = make([]byte, n+slack)
	}
	c.levels = c.levels[:n]
	return c.levels
}

// dictionaryPage decodes the dictionary. One of text is made anew for each chunk, since batches lend it out.
func (c *column) dictionaryPage(h *pageHeader) error {
	if h.encoding != format.Plain && h.encoding != plainDictionary {
		return fmt.Errorf("encoding %v, which is not supported", h.encoding)
	}
	if err := c.roomFor(h); err != nil {
		return err
	}
	raw, err := readPage(&c.in, h)
	if err != nil {
		return err
	}
	page, err := c.inflate(c.k.codec, raw, 0, int(h.uncompressed))
	if err != nil {
		return err
	}
	n := int(h.values)
	l := c.leaf
	v := values{leaf: l, size: c.vals.size, mode: modePlain, data: page}
	if v.size > 0 && n > len(page)/v.size || v.size == 0 && n > len(page)/4 {
		return fmt.Errorf("%d entries in %d bytes", n, len(page))
	}
	d := &c.dict
	d.n, d.bytes = n, nil
	switch l.form {
	case formInt, formUint, formInt96:
		d.i64 = grown(d.i64[:0], n)
		err = v.int64s(d.i64)
	case formFloat, formHalf:
		d.f32 = grown(d.f32[:0], n)
		err = v.float32s(d.f32)
	case formDouble, formDecimal:
		d.f64 = grown(d.f64[:0], n)
		err = v.float64s(d.f64)
	case formBytes, formUUID:
		size := len(page)
		if l.form == formUUID {
			size = 36 * n
		}
		d.bytes = &table.Strings{Bytes: make([]byte, 0, size), Offsets: make([]uint32, 1, n+1)}
		err = v.each(n, func(b []byte) error {
			if l.form == formUUID {
				d.bytes.Bytes = appendUUID(d.bytes.Bytes, b)
				d.bytes.Offsets = append(d.bytes.Offsets, uint32(len(d.bytes.Bytes)))
				return nil
			}
			d.bytes.Append(b)
			return nil
		})
	default:
		return fmt.Errorf("a dictionary of %s", lower(l.physical.String()))
	}
	var ve *valueError
	if errors.As(err, &ve) {
		return fmt.Errorf("entry %d: %s", ve.index, ve.what)
	}
	c.vals.dict = d
	return err
}
