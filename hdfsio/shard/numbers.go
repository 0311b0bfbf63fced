package shard

import (
	"encoding/binary"
	"math"
	"math/big"
	"strconv"
)

// halfToFloat widens an IEEE 754 half-precision number exactly.
func halfToFloat(h uint16) float32 {
	sign := uint32(h>>15) << 31
	exp := uint32(h >> 10 & 31)
	frac := uint32(h & 1023)
	switch exp {
	case 0: // zero or subnormal: frac * 2^-24
		f := float32(frac) * (1.0 / (1 << 24))
		return math.Float32frombits(sign | math.Float32bits(f))
	case 31:
		return math.Float32frombits(sign | 0xff<<23 | frac<<13)
	}
	return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
}

// powers10 are the powers of ten that a double holds exactly.
var powers10 = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// decimal returns the double nearest to v / 10^scale. Where both are exact as doubles, one division rounds once.
func decimal(v int64, scale int32) float64 {
	if -1<<53 <= v && v <= 1<<53 && int(scale) < len(powers10) {
		return float64(v) / powers10[scale]
	}
	return decimalText(strconv.AppendInt(nil, v, 10), scale)
}

func decimalText(digits []byte, scale int32) float64 {
	digits = append(digits, 'e')
	digits = strconv.AppendInt(digits, -int64(scale), 10)
	f, _ := strconv.ParseFloat(string(digits), 64) // out of range is an infinity, which is the nearest
	return f
}

// decimalBytes is decimal for a big-endian number in two's complement.
func decimalBytes(b []byte, scale int32) float64 {
	for len(b) > 8 && (b[0] == 0 && b[1] < 0x80 || b[0] == 0xff && b[1] >= 0x80) {
		b = b[1:] // a byte that only repeats the sign
	}
	if len(b) <= 8 {
		var v int64
		if len(b) > 0 && b[0] >= 0x80 {
			v = -1
		}
		for _, x := range b {
			v = v<<8 | int64(x)
		}
		return decimal(v, scale)
	}
	x := new(big.Int).SetBytes(b)
	if b[0] >= 0x80 {
		x.Sub(x, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return decimalText(x.Append(nil, 10), scale)
}

// int96 returns nanoseconds since 1970 of Impala's timestamp: nanoseconds of the day, then the Julian day. false: they
// do not fit an int64 (years 1677 to 2262).
func int96(b []byte) (int64, bool) {
	const julian1970 = 2440588
	const perDay = 86400 * 1_000_000_000
	nanos := int64(binary.LittleEndian.Uint64(b))
	days := int64(int32(binary.LittleEndian.Uint32(b[8:]))) - julian1970
	if days > math.MaxInt64/perDay || days < math.MinInt64/perDay {
		return 0, false
	}
	t := days * perDay
	sum := t + nanos
	return sum, (sum > t) == (nanos > 0)
}

const hexDigits = "0123456789abcdef"

// appendUUID appends the text form of sixteen bytes.
func appendUUID(dst, b []byte) []byte {
	for i, x := range b {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = append(dst, hexDigits[x>>4], hexDigits[x&15])
	}
	return dst
}
