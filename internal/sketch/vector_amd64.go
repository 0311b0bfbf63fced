package sketch

import "golang.org/x/sys/cpu"

//go:generate go run asm/main.go -out vector_amd64.s -stubs vector_stub_amd64.go -pkg sketch

var useAVX2 = cpu.X86.HasAVX2

// statsBlock looks at a positive multiple of 16 values.
func statsBlock(x []float64) stats {
	if !useAVX2 {
		return statsGo(x)
	}
	var out [4]float64
	statsAVX2(&x[0], len(x), &out)
	return stats{sum: out[0], min: out[1] + 0, max: out[2] + 0, finite: out[3] == 0}
}

func deviationsBlock(x []float64, c float64) (s1, s2 float64) {
	if !useAVX2 {
		return deviationsGo(x, c)
	}
	var out [2]float64
	deviationsAVX2(&x[0], len(x), c, &out)
	return out[0], out[1]
}

func products2x4(a, b []float64, stride, n int, out *[8]float64) {
	if !useAVX2 {
		products2x4Go(a, b, stride, n, out)
		return
	}
	_, _ = a[stride+n-1], b[3*stride+n-1]
	products2x4AVX2(&a[0], &b[0], stride, n, out)
}

func sortColumns(out, x []float64) {
	if !useAVX2 {
		sortColumnsGo(out, x)
		return
	}
	if n := min(len(x), len(out)) / sortStride; n > 0 {
		sortColumnsAVX2(&out[0], &x[0], n)
	}
}
