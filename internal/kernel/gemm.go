// The three matrix products and the arithmetic of class portable.

package kernel

// Gemm computes C = A·B, or C += A·B where acc. A is [m,k], B [k,n], C [m,n], row-major with leading dimensions lda, ldb, ldc.
func Gemm(m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, acc bool) {
	for i := range m {
		row := c[i*ldc : i*ldc+n]
		if !acc {
			clear(row)
		}
		for p := range k {
			x := a[i*lda+p]
			for j, y := range b[p*ldb : p*ldb+n] {
				row[j] += float32(x * y)
			}
		}
	}
}

// GemmTN computes C = Aᵀ·B, or C += Aᵀ·B where acc: A is [k,m], B [k,n], C [m,n]. It is a layer's weight gradient.
func GemmTN(m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, acc bool) {
	for i := range m {
		row := c[i*ldc : i*ldc+n]
		if !acc {
			clear(row)
		}
		for p := range k {
			x := a[p*lda+i]
			for j, y := range b[p*ldb : p*ldb+n] {
				row[j] += float32(x * y)
			}
		}
	}
}

// GemmNT computes C = A·Bᵀ, or C += A·Bᵀ where acc: A is [m,k], B [n,k], C [m,n]. It is a layer's input gradient.
func GemmNT(m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, acc bool) {
	for i := range m {
		for j := range n {
			var s float32
			if acc {
				s = c[i*ldc+j]
			}
			for p := range k {
				s += float32(a[i*lda+p] * b[j*ldb+p])
			}
			c[i*ldc+j] = s
		}
	}
}
