//go:build !amd64

// Machines without assembly have no class fma.

package kernel

func gemmFMA(m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, acc bool) bool {
	return false
}

func gemmTNFMA(m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, acc bool) bool {
	return false
}

func gemmNTFMA(m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, acc bool) bool {
	return false
}
