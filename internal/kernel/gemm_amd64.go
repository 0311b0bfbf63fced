// The matrix products in class fma. One kernel, a panel, computes C = A·B for all rows of A and as many columns as two
// vectors hold; A's strides are free, so that it serves A and Aᵀ. What remains is to bring each product into this form:
//
//   - Bᵀ is transposed, a panel at a time, into scratch memory.
//   - Where C has few columns the panel is turned: Cᵀ = Bᵀ·Aᵀ has rows long enough to fill vectors. A product of two numbers
//     does not depend on their order and each element still accumulates over k in order, so the bits stay.
//
// A is never copied, nor is B where its rows lie as they are needed.

package kernel

import (
	"sync"
	"unsafe"
)

const (
	panelWidth = 32  // columns of a panel: two AVX-512 vectors; AVX2 does it in two halves
	panelDepth = 384 // rows of B that a panel takes at a time: 64 KiB
	fewColumns = 6   // up to here turning the panel is faster
)

// scratch is the memory of one product in work.
type scratch struct {
	b [panelDepth * panelWidth]float32
	c [fewColumns * panelWidth]float32
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

func gemmFMA(m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, acc bool) bool {
	if productLevel == levelGo {
		return false
	}
	if n <= fewColumns && m >= 8 {
		turned(m, n, k, a, lda, true, b, 1, ldb, c, ldc, acc)
		return true
	}
	for j := 0; j < n; j += panelWidth {
		for p := 0; p < k; p += panelDepth {
			panel(m, min(n-j, panelWidth), min(k-p, panelDepth), &a[p], lda, 1, &b[p*ldb+j], ldb, &c[j], ldc, acc || p > 0)
		}
	}
	return true
}

func gemmTNFMA(m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, acc bool) bool {
	if productLevel == levelGo {
		return false
	}
	if n <= fewColumns && m > n {
		turned(m, n, k, a, lda, false, b, 1, ldb, c, ldc, acc)
		return true
	}
	for j := 0; j < n; j += panelWidth {
		for p := 0; p < k; p += panelDepth {
			panel(m, min(n-j, panelWidth), min(k-p, panelDepth), &a[p*lda], 1, lda, &b[p*ldb+j], ldb, &c[j], ldc, acc || p > 0)
		}
	}
	return true
}

func gemmNTFMA(m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, acc bool) bool {
	if productLevel == levelGo {
		return false
	}
	if n <= fewColumns && m >= 8 {
		turned(m, n, k, a, lda, true, b, ldb, 1, c, ldc, acc)
		return true
	}
	s := scratches.Get().(*scratch)
	for j := 0; j < n; j += panelWidth {
		w := min(n-j, panelWidth)
		for p := 0; p < k; p += panelDepth {
			d := min(k-p, panelDepth)
			transpose(&s.b, b[j*ldb+p:], ldb, w, d)
			panel(m, w, d, &a[p], lda, 1, &s.b[0], panelWidth, &c[j], ldc, acc || p > 0)
		}
	}
	scratches.Put(s)
	return true
}

// turned computes a product of few columns as Cᵀ = Bᵀ·Aᵀ, panelWidth rows of C at a time. Rows of A lie lda apart and are
// transposed first, or, where rows is false, a holds Aᵀ already. B's element (p,j) lies at j·bjs + p·bps.
func turned(m, n, k int, a []float32, lda int, rows bool, b []float32, bjs, bps int, c []float32, ldc int, acc bool) {
	s := scratches.Get().(*scratch)
	for i := 0; i < m; i += panelWidth {
		w := min(m-i, panelWidth)
		ct, ldct := &s.c[0], panelWidth
		direct := n == 1 && ldc == 1
		if direct {
			ct = &c[i]
		} else if acc {
			for r := range w {
				for j, x := range c[(i+r)*ldc : (i+r)*ldc+n] {
					s.c[j*panelWidth+r] = x
				}
			}
		}
		for p := 0; p < k; p += panelDepth {
			d := min(k-p, panelDepth)
			at, ldat := &s.b[0], panelWidth
			if rows {
				transpose(&s.b, a[i*lda+p:], lda, w, d)
			} else {
				at, ldat = &a[p*lda+i], lda
			}
			panel(n, w, d, &b[p*bps], bjs, bps, at, ldat, ct, ldct, acc || p > 0)
		}
		if direct {
			continue
		}
		for r := range w {
			row := c[(i+r)*ldc : (i+r)*ldc+n]
			for j := range row {
				row[j] = s.c[j*panelWidth+r]
			}
		}
	}
	scratches.Put(s)
}

// transpose sets dst[p][j] = src[j·lds+p] for j < w and p < k.
func transpose(dst *[panelDepth * panelWidth]float32, src []float32, lds, w, k int) {
	j := 0
	for ; j+8 <= w; j += 8 {
		pack8AVX2(&dst[j], 4*panelWidth, &src[j*lds], uintptr(4*lds), k)
	}
	for ; j < w; j++ {
		for p, x := range src[j*lds : j*lds+k] {
			dst[p*panelWidth+j] = x
		}
	}
}

// panel runs the kernel on n <= panelWidth columns; strides are in elements.
func panel(m, n, k int, a *float32, ars, aks int, b *float32, ldb int, c *float32, ldc int, acc bool) {
	rs, ks, bs, cs := uintptr(4*ars), uintptr(4*aks), uintptr(4*ldb), uintptr(4*ldc)
	if productLevel == levelAVX512 && n > 8 { // a narrower panel would leave half of each vector empty
		panelAVX512(m, n, k, a, rs, ks, b, bs, c, cs, acc)
		return
	}
	panelAVX2(m, min(n, 16), k, a, rs, ks, b, bs, c, cs, acc)
	if n > 16 {
		// The upper half exists: n > 16 columns of B and C were checked.
		b = (*float32)(unsafe.Add(unsafe.Pointer(b), 64))
		c = (*float32)(unsafe.Add(unsafe.Pointer(c), 64))
		panelAVX2(m, n-16, k, a, rs, ks, b, bs, c, cs, acc)
	}
}
