//go:build !amd64

package sketch

func statsBlock(x []float64) stats                               { return statsGo(x) }
func deviationsBlock(x []float64, c float64) (s1, s2 float64)    { return deviationsGo(x, c) }
func products2x4(a, b []float64, stride, n int, out *[8]float64) { products2x4Go(a, b, stride, n, out) }
func sortColumns(out, x []float64)                               { sortColumnsGo(out, x) }
