package kernel

import (
	"crypto/sha256"
	stdbinary "encoding/binary"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"testing"
)

// TestBitsOfEveryMachine compares with hashes made once: results must not change with the processor, the compiler or a
// release. A change here changes trained models: it needs a new format version, not a new hash alone.
func TestBitsOfEveryMachine(t *testing.T) {
	const (
		vectorBits   = "f45ae77f78b0f8980f0af784296b76f94ef52c8fa7749348294109d2c4646b35"
		portableBits = "aef4ffc8c8d40efc5d8b4b459227e310a466b6230e5d738bde95ebc960c57cd9"
		fmaBits      = "2917992f629d54743fdf7eff0244df21c2d292811da5055a499c1981a3d61ec4"
	)
	r := rand.New(rand.NewPCG(11, 12))
	const n = 20_000
	x, y := make([]float32, n), make([]float32, n)
	d := make([]float64, n)
	for i := range x {
		x[i] = math.Float32frombits(r.Uint32())
		y[i] = float32(int32(r.Uint32())) * 0x1p-28 // -8 to 8
		d[i] = math.Float64frombits(r.Uint64())
		if i%2 == 0 {
			x[i] = float32(int32(r.Uint32())) * 0x1p-24 // -128 to 128
			d[i] = float64(int32(r.Uint32())) * 0x1p-22 // -512 to 512
		}
	}
	levels(t, func(t testing.TB, name string, l level) {
		h := sha256.New()
		put := func(z []float32) {
			for _, v := range z {
				b := math.Float32bits(v)
				if v != v {
					b = 0x7fc00000
				}
				h.Write(stdbinary.LittleEndian.AppendUint32(nil, b))
			}
		}
		put64 := func(z ...float64) {
			for _, v := range z {
				b := math.Float64bits(v)
				if v != v {
					b = 0x7ff8000000000000
				}
				h.Write(stdbinary.LittleEndian.AppendUint64(nil, b))
			}
		}
		check := func(what, want string) {
			if got := hex.EncodeToString(h.Sum(nil)); got != want {
				t.Errorf("%s: the bits of %s hash to %s, want %s", name, what, got, want)
			}
			h.Reset()
		}
		z := make([]float32, n)
		for _, f := range unary {
			f.f(z, x)
			put(z)
			f.f(z, y)
			put(z)
		}
		for _, f := range binary {
			f.f(z, x, y)
			put(z)
		}
		SoftmaxRows(z, y, 50)
		put(z)
		LogSumExpRows(z[:400], y, 50)
		put(z[:400])
		u, m, v := append([]float32(nil), y...), make([]float32, n), make([]float32, n)
		for range 3 {
			Adam(u, m, v, AdamStep{0.9, 0.999, 1.5, 1.25, 1e-8})
		}
		put(u)
		put64(Sum(y), SumSquares(y), Dot(x[1000:1101], y))
		e := make([]float64, n)
		Exp64(e, d)
		put64(e...)
		Log64(e, d)
		put64(e...)
		for _, v := range d {
			put64(Log1pFloat64(v))
		}
		check("vectors", vectorBits)

		want := fmaBits
		if l == levelGo {
			want = portableBits
		}
		for _, p := range products {
			for _, s := range [][3]int{{100, 33, 57}, {64, 1, 90}, {7, 70, 19}} {
				ac, bc := s[2], s[1]
				if p.aT {
					ac = s[0]
				}
				if p.bT {
					bc = s[2]
				}
				clear(z)
				p.f(s[0], s[1], s[2], y, ac, y[5:], bc, z, s[1], false)
				put(z[:s[0]*s[1]])
			}
		}
		check("products", want)
	})
}
