// Functions of the rows of a matrix, and sums.

package kernel

import "math"

// lanes is the number of partial sums of a reduction: element i goes to lane i%lanes, and the lanes are added in a tree
// (lane j and j+8, then j+4, j+2, j+1).
const lanes = 16

func tree(l *[lanes]float64) float64 {
	return (((l[0] + l[8]) + (l[4] + l[12])) + ((l[2] + l[10]) + (l[6] + l[14]))) +
		(((l[1] + l[9]) + (l[5] + l[13])) + ((l[3] + l[11]) + (l[7] + l[15])))
}

// Sum returns the sum of x in float64.
func Sum(x []float32) float64 {
	if vectors(len(x)) >= levelAVX2 {
		return sumAVX2(&x[0], len(x))
	}
	var l [lanes]float64
	for i, v := range x {
		l[i%lanes] += float64(v)
	}
	return tree(&l)
}

// SumSquares returns the sum of the squares of x in float64, where they are exact.
func SumSquares(x []float32) float64 { return Dot(x, x) }

// Dot returns the sum of x[i]·y[i] in float64, where the products are exact (fused or not, the bits are the same).
func Dot(x, y []float32) float64 {
	y = first(y, len(x))
	if vectors(len(x)) >= levelAVX2 {
		return dotAVX2(&x[0], &y[0], len(x))
	}
	var l [lanes]float64
	for i, v := range x {
		l[i%lanes] += float64(float64(v) * float64(y[i]))
	}
	return tree(&l)
}

// maxOf returns the largest number in x that is not NaN, or -Inf.
func maxOf(x []float32) float32 {
	if len(x) >= shortRow && vectors(len(x)) >= levelAVX2 {
		return maxAVX2(&x[0], len(x))
	}
	m := float32(math.Inf(-1))
	for _, v := range x {
		if v > m {
			m = v
		}
	}
	return m
}

// shortRow is the length from which a call for each row is worth it.
const shortRow = 6

// shift sets dst = src - a.
func shift(dst, src []float32, a float32) {
	src = first(src, len(dst))
	switch vectors(len(dst)) {
	case levelAVX512:
		shiftAVX512(&dst[0], &src[0], a, len(dst))
		return
	case levelAVX2:
		shiftAVX2(&dst[0], &src[0], a, len(dst))
		return
	}
	for i, x := range src {
		dst[i] = x - a
	}
}

// divide sets dst /= a.
func divide(dst []float32, a float32) {
	switch vectors(len(dst)) {
	case levelAVX512:
		divideAVX512(&dst[0], &dst[0], a, len(dst))
		return
	case levelAVX2:
		divideAVX2(&dst[0], &dst[0], a, len(dst))
		return
	}
	for i := range dst {
		dst[i] /= a
	}
}

// AddRow adds row [n] to each row of dst [m,n].
func AddRow(dst, row []float32, n int) {
	checkRows(len(dst), n)
	row = first(row, n)
	if n < shortRow {
		for i := 0; i < len(dst); i += n {
			for j, x := range row {
				dst[i+j] += x
			}
		}
		return
	}
	for i := 0; i < len(dst); i += n {
		Add(dst[i:i+n], row)
	}
}

// SumRows adds the rows of src [m,n] to dst [n], in order.
func SumRows(dst, src []float32, n int) {
	checkRows(len(src), n)
	dst = first(dst, n)
	if n < shortRow {
		for i := 0; i < len(src); i += n {
			for j := range dst {
				dst[j] += src[i+j]
			}
		}
		return
	}
	for i := 0; i < len(src); i += n {
		Add(dst, src[i:i+n])
	}
}

// SoftmaxRows sets each row of dst [m,n] to the softmax of that row of src: exp(x - max) divided by its sum.
func SoftmaxRows(dst, src []float32, n int) {
	checkRows(len(dst), n)
	src = first(src, len(dst))
	for i := 0; i < len(dst); i += n {
		row := dst[i : i+n]
		shift(row, src[i:i+n], maxOf(src[i:i+n]))
	}
	Exp(dst, dst)
	for i := 0; i < len(dst); i += n {
		row := dst[i : i+n]
		s := float32(Sum(row))
		divide(row, s)
	}
}

// LogSumExpRows sets dst[i] = log Σ exp(src[i,:]) for each row of src [m,n], m = len(dst).
func LogSumExpRows(dst, src []float32, n int) {
	checkRows(len(src), n)
	if len(dst)*n > len(src) {
		short(len(src), len(dst)*n)
	}
	var buf [256]float32
	for i := range dst {
		row := src[i*n : (i+1)*n]
		m := maxOf(row)
		if m-m != 0 { // infinite, and so is the answer, unless there is a NaN
			for _, x := range row {
				if x != x {
					m = x
				}
			}
			dst[i] = m
			continue
		}
		var sum float64
		for len(row) > 0 {
			part := buf[:min(len(row), len(buf))]
			shift(part, row, m)
			Exp(part, part)
			sum += Sum(part)
			row = row[len(part):]
		}
		dst[i] = float32(float64(m) + LogFloat64(sum))
	}
}

func checkRows(size, n int) {
	if n < 1 || size%n != 0 {
		panic("kernel: the matrix is not a whole number of rows")
	}
}
