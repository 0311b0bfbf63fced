// The three matrix products, and their arithmetic in class portable.

package kernel

import "fmt"

// Gemm computes C = A·B, or C += A·B where acc. A is [m,k], B [k,n], C [m,n], row-major with leading dimensions lda, ldb, ldc.
// C must not overlap A or B. A matrix that its slice does not hold panics.
func Gemm(m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, acc bool) {
	checkMatrix("A", a, m, k, lda)
	checkMatrix("B", b, k, n, ldb)
	checkMatrix("C", c, m, n, ldc)
	if m == 0 || n == 0 {
		return
	}
	if k > 0 && gemmFMA(m, n, k, a, lda, b, ldb, c, ldc, acc) {
		return
	}
	for i := range m {
		row := c[i*ldc : i*ldc+n]
		if !acc {
			clear(row)
		}
		for p := range k {
			Axpy(row, a[i*lda+p], b[p*ldb:p*ldb+n])
		}
	}
}

// GemmTN computes C = Aᵀ·B, or C += Aᵀ·B where acc: A is [k,m], B [k,n], C [m,n]. It is a layer's weight gradient.
func GemmTN(m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, acc bool) {
	checkMatrix("A", a, k, m, lda)
	checkMatrix("B", b, k, n, ldb)
	checkMatrix("C", c, m, n, ldc)
	if m == 0 || n == 0 {
		return
	}
	if k > 0 && gemmTNFMA(m, n, k, a, lda, b, ldb, c, ldc, acc) {
		return
	}
	for i := range m {
		row := c[i*ldc : i*ldc+n]
		if !acc {
			clear(row)
		}
		for p := range k {
			Axpy(row, a[p*lda+i], b[p*ldb:p*ldb+n])
		}
	}
}

// GemmNT computes C = A·Bᵀ, or C += A·Bᵀ where acc: A is [m,k], B [n,k], C [m,n]. It is a layer's input gradient.
func GemmNT(m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, acc bool) {
	checkMatrix("A", a, m, k, lda)
	checkMatrix("B", b, n, k, ldb)
	checkMatrix("C", c, m, n, ldc)
	if m == 0 || n == 0 {
		return
	}
	if k > 0 && gemmNTFMA(m, n, k, a, lda, b, ldb, c, ldc, acc) {
		return
	}
	for i := range m {
		x := a[i*lda : i*lda+k]
		for j := range n {
			var s float32
			if acc {
				s = c[i*ldc+j]
			}
			for p, v := range b[j*ldb : j*ldb+k] {
				s += float32(x[p] * v)
			}
			c[i*ldc+j] = s
		}
	}
}

func checkMatrix(name string, x []float32, rows, cols, ld int) {
	if rows < 0 || cols < 0 || ld < cols || (rows > 0 && cols > 0 && (rows-1)*ld+cols > len(x)) {
		badMatrix(name, rows, cols, ld, len(x))
	}
}

func badMatrix(name string, rows, cols, ld, size int) {
	panic(fmt.Sprintf("kernel: matrix %s [%d,%d] with leading dimension %d does not fit its slice of %d", name, rows, cols, ld, size))
}
