package shard

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"
)

// slack is how many bytes vector code may read beyond the end of a page.
const slack = 64

// expansion is the most that a byte of each codec can become. It bounds what a hostile header makes us allocate; for
// brotli and zstd, which have no useful bound, memory grows with what really comes out.
var expansion = map[format.CompressionCodec]int64{
	format.Snappy: 32,
	format.Gzip:   1040,
	format.Lz4Raw: 256,
	format.Zstd:   1 << 16,
}

var (
	zstdOnce sync.Once
	zstdAll  *zstd.Decoder
	gzips    = sync.Pool{New: func() any { return new(gzip.Reader) }}
	brotlis  = sync.Pool{New: func() any { return brotli.NewReader(nil) }}
)

// codecName reports whether the codec is read, and its name in the format's words.
func codecName(c format.CompressionCodec) (string, bool) {
	switch c {
	case format.Uncompressed, format.Snappy, format.Gzip, format.Brotli, format.Zstd, format.Lz4Raw:
		return c.String(), true
	case format.Lz4:
		return "LZ4 (deprecated, with Hadoop's framing; write LZ4_RAW instead)", false
	case format.LZO:
		return "LZO", false
	}
	return fmt.Sprintf("codec %d", c), false
}

// decompress returns a buffer, buf if it is large enough, that holds pad bytes of no meaning and then the n bytes that
// src holds, followed by slack bytes of capacity.
func decompress(codec format.CompressionCodec, buf, src []byte, pad, n int) ([]byte, error) {
	name, ok := codecName(codec)
	if !ok {
		return buf, fmt.Errorf("compressed with %s, which is not supported", name)
	}
	if most, ok := expansion[codec]; ok && int64(n) > most*int64(len(src))+64 {
		return buf, fmt.Errorf("%s: %d bytes cannot become %d", lower(name), len(src), n)
	}
	if codec == format.Brotli {
		return unbrotli(buf, src, pad, n)
	}
	if cap(buf) < pad+n+slack {
		buf = make([]byte, pad+n+slack)
	}
	whole := buf[:pad+n]
	buf = whole[pad:]
	if n == 0 && len(src) == 0 {
		return whole, nil
	}
	var got int
	var err error
	switch codec {
	case format.Uncompressed:
		if len(src) != n {
			return whole, fmt.Errorf("uncompressed page of %d bytes, its header says %d", len(src), n)
		}
		got = copy(buf, src)
	case format.Snappy:
		if got, err = s2.DecodedLen(src); err == nil && got == n {
			_, err = s2.Decode(buf, src)
		}
	case format.Lz4Raw:
		got, err = lz4.UncompressBlock(src, buf)
	case format.Zstd:
		zstdOnce.Do(func() {
			zstdAll, _ = zstd.NewReader(nil, zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderConcurrency(0))
		})
		var out []byte
		out, err = zstdAll.DecodeAll(src, buf[:0:n])
		got = len(out)
	case format.Gzip:
		r := gzips.Get().(*gzip.Reader)
		defer gzips.Put(r)
		if err = r.Reset(bytes.NewReader(src)); err == nil {
			got, err = readExactly(r, buf)
		}
	}
	if err != nil {
		return whole, fmt.Errorf("%s: %w", lower(name), err)
	}
	if got != n {
		return whole, fmt.Errorf("%s: %d bytes came out, the page header says %d", lower(name), got, n)
	}
	return whole, nil
}

// readExactly fills buf and sees that nothing follows; the checksum at a stream's end is verified by this.
func readExactly(r io.Reader, buf []byte) (int, error) {
	n, err := io.ReadFull(r, buf)
	if err != nil {
		return n, err
	}
	var one [1]byte
	switch k, err := r.Read(one[:]); {
	case k > 0:
		return n + k, nil
	case err != nil && err != io.EOF: //nolint:errorlint // Read returns it bare
		return n, err
	}
	return n, nil
}

func unbrotli(buf, src []byte, pad, n int) ([]byte, error) {
	r := brotlis.Get().(*brotli.Reader)
	defer brotlis.Put(r)
	if err := r.Reset(bytes.NewReader(src)); err != nil {
		return buf, fmt.Errorf("brotli: %w", err)
	}
	n += pad
	if cap(buf) < pad {
		buf = make([]byte, pad)
	}
	buf = buf[:pad]
	for {
		if len(buf) == cap(buf) || cap(buf)-len(buf) < slack {
			grown := make([]byte, len(buf), min(n, max(2*cap(buf), 8*len(src), 4096))+2*slack)
			copy(grown, buf)
			buf = grown
		}
		k, err := r.Read(buf[len(buf) : cap(buf)-slack+1])
		buf = buf[:len(buf)+k]
		if len(buf) > n {
			return buf, fmt.Errorf("brotli: more than the %d bytes that the page header says", n-pad)
		}
		if err == io.EOF { //nolint:errorlint // Read returns it bare
			break
		}
		if err != nil {
			return buf, fmt.Errorf("brotli: %w", err)
		}
	}
	if len(buf) != n {
		return buf, fmt.Errorf("brotli: %d bytes came out, the page header says %d", len(buf)-pad, n-pad)
	}
	return buf, nil
}

func lower(s string) string { return string(bytes.ToLower([]byte(s))) }
