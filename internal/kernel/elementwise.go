// Functions of vectors, element by element.

package kernel

import (
	"fmt"
	"math"
)

// first returns the first n elements of x. It looks at the length: slicing alone would reach into the capacity.
func first(x []float32, n int) []float32 {
	if n > len(x) {
		short(len(x), n)
	}
	return x[:n]
}

func short(have, want int) {
	panic(fmt.Sprintf("kernel: a slice of %d elements where %d are needed", have, want))
}

// Exp sets dst[i] = exp(src[i]): +Inf above 88.72, denormal below -87.33, 0 below -103.97.
func Exp(dst, src []float32) {
	src = first(src, len(dst))
	switch vectors(len(dst)) {
	case levelAVX512:
		expAVX512(&dst[0], &src[0], len(dst))
		return
	case levelAVX2:
		expAVX2(&dst[0], &src[0], len(dst))
		return
	}
	for i, x := range src {
		dst[i] = expf(x)
	}
}

// Log sets dst[i] = log(src[i]): -Inf for 0, NaN below.
func Log(dst, src []float32) {
	src = first(src, len(dst))
	switch vectors(len(dst)) {
	case levelAVX512:
		logAVX512(&dst[0], &src[0], len(dst))
		return
	case levelAVX2:
		logAVX2(&dst[0], &src[0], len(dst))
		return
	}
	for i, x := range src {
		dst[i] = logf(x)
	}
}

// Sigmoid sets dst[i] = 1/(1+exp(-src[i])), with full relative precision at both ends.
func Sigmoid(dst, src []float32) {
	src = first(src, len(dst))
	switch vectors(len(dst)) {
	case levelAVX512:
		sigmoidAVX512(&dst[0], &src[0], len(dst))
		return
	case levelAVX2:
		sigmoidAVX2(&dst[0], &src[0], len(dst))
		return
	}
	for i, x := range src {
		dst[i] = sigmoidf(x)
	}
}

// Tanh sets dst[i] = tanh(src[i]).
func Tanh(dst, src []float32) {
	src = first(src, len(dst))
	switch vectors(len(dst)) {
	case levelAVX512:
		tanhAVX512(&dst[0], &src[0], len(dst))
		return
	case levelAVX2:
		tanhAVX2(&dst[0], &src[0], len(dst))
		return
	}
	for i, x := range src {
		dst[i] = tanhf(x)
	}
}

// Erf sets dst[i] = erf(src[i]).
func Erf(dst, src []float32) {
	src = first(src, len(dst))
	switch vectors(len(dst)) {
	case levelAVX512:
		erfAVX512(&dst[0], &src[0], len(dst))
		return
	case levelAVX2:
		erfAVX2(&dst[0], &src[0], len(dst))
		return
	}
	for i, x := range src {
		dst[i] = erff(x)
	}
}

// Gelu sets dst[i] = x·(1+erf(x/√2))/2 for x = src[i]: ONNX's Gelu with approximate "none". Its absolute error is within
// |x|·2^-23; far below zero, where 1+erf cancels, it has no relative precision.
func Gelu(dst, src []float32) {
	src = first(src, len(dst))
	switch vectors(len(dst)) {
	case levelAVX512:
		geluAVX512(&dst[0], &src[0], len(dst))
		return
	case levelAVX2:
		geluAVX2(&dst[0], &src[0], len(dst))
		return
	}
	for i, x := range src {
		dst[i] = geluf(x)
	}
}

// Softplus sets dst[i] = log(1+exp(src[i])), without overflow.
func Softplus(dst, src []float32) {
	src = first(src, len(dst))
	switch vectors(len(dst)) {
	case levelAVX512:
		softplusAVX512(&dst[0], &src[0], len(dst))
		return
	case levelAVX2:
		softplusAVX2(&dst[0], &src[0], len(dst))
		return
	}
	for i, x := range src {
		dst[i] = softplusf(x)
	}
}

// Relu sets dst[i] = max(src[i], 0). NaN stays NaN and -0 stays -0.
func Relu(dst, src []float32) {
	src = first(src, len(dst))
	switch vectors(len(dst)) {
	case levelAVX512:
		reluAVX512(&dst[0], &src[0], len(dst))
		return
	case levelAVX2:
		reluAVX2(&dst[0], &src[0], len(dst))
		return
	}
	for i, x := range src {
		dst[i] = reluf(x)
	}
}

// SigmoidGrad sets dx = dy·y·(1-y), where y is Sigmoid's result.
func SigmoidGrad(dx, dy, y []float32) {
	dy, y = first(dy, len(dx)), first(y, len(dx))
	switch vectors(len(dx)) {
	case levelAVX512:
		sigmoidGradAVX512(&dx[0], &dy[0], &y[0], len(dx))
		return
	case levelAVX2:
		sigmoidGradAVX2(&dx[0], &dy[0], &y[0], len(dx))
		return
	}
	for i := range dx {
		dx[i] = sigmoidGradf(dy[i], y[i])
	}
}

// TanhGrad sets dx = dy·(1-y²), where y is Tanh's result.
func TanhGrad(dx, dy, y []float32) {
	dy, y = first(dy, len(dx)), first(y, len(dx))
	switch vectors(len(dx)) {
	case levelAVX512:
		tanhGradAVX512(&dx[0], &dy[0], &y[0], len(dx))
		return
	case levelAVX2:
		tanhGradAVX2(&dx[0], &dy[0], &y[0], len(dx))
		return
	}
	for i := range dx {
		dx[i] = tanhGradf(dy[i], y[i])
	}
}

// ReluGrad sets dx = dy where y > 0 and 0 elsewhere; y is Relu's result or its argument.
func ReluGrad(dx, dy, y []float32) {
	dy, y = first(dy, len(dx)), first(y, len(dx))
	switch vectors(len(dx)) {
	case levelAVX512:
		reluGradAVX512(&dx[0], &dy[0], &y[0], len(dx))
		return
	case levelAVX2:
		reluGradAVX2(&dx[0], &dy[0], &y[0], len(dx))
		return
	}
	for i := range dx {
		dx[i] = reluGradf(dy[i], y[i])
	}
}

// GeluGrad sets dx = dy·(Φ(x) + x·φ(x)), where x is Gelu's argument, Φ and φ the normal distribution and its density.
func GeluGrad(dx, dy, x []float32) {
	dy, x = first(dy, len(dx)), first(x, len(dx))
	switch vectors(len(dx)) {
	case levelAVX512:
		geluGradAVX512(&dx[0], &dy[0], &x[0], len(dx))
		return
	case levelAVX2:
		geluGradAVX2(&dx[0], &dy[0], &x[0], len(dx))
		return
	}
	for i := range dx {
		dx[i] = geluGradf(dy[i], x[i])
	}
}

// Add sets dst += src.
func Add(dst, src []float32) {
	src = first(src, len(dst))
	switch vectors(len(dst)) {
	case levelAVX512:
		addAVX512(&dst[0], &dst[0], &src[0], len(dst))
		return
	case levelAVX2:
		addAVX2(&dst[0], &dst[0], &src[0], len(dst))
		return
	}
	for i, x := range src {
		dst[i] += x
	}
}

// Axpy sets dst += a·src, the product rounded first.
func Axpy(dst []float32, a float32, src []float32) {
	src = first(src, len(dst))
	switch vectors(len(dst)) {
	case levelAVX512:
		axpyAVX512(&dst[0], a, &src[0], len(dst))
		return
	case levelAVX2:
		axpyAVX2(&dst[0], a, &src[0], len(dst))
		return
	}
	for i, x := range src {
		dst[i] += float32(a * x)
	}
}

// Scale sets dst *= a.
func Scale(dst []float32, a float32) {
	switch vectors(len(dst)) {
	case levelAVX512:
		scaleAVX512(&dst[0], &dst[0], a, len(dst))
		return
	case levelAVX2:
		scaleAVX2(&dst[0], &dst[0], a, len(dst))
		return
	}
	for i := range dst {
		dst[i] *= a
	}
}

// AdamStep holds the numbers of one step of [Adam].
type AdamStep struct {
	Beta1, Beta2       float32 // decay rates of the two moments
	Correct1, Correct2 float32 // 1/(1-Beta1^t) and 1/(1-Beta2^t); 1 and 1 without bias correction
	Epsilon            float32 // added to the root of the second moment
}

// Adam updates the moments m and v by the gradient in u, and sets u to the scaled update (Kingma and Ba 2015, algorithm 1):
//
//	m = Beta1·m + (1-Beta1)·u;  v = Beta2·v + (1-Beta2)·u²;  u = m·Correct1 / (√(v·Correct2) + Epsilon)
func Adam(u, m, v []float32, s AdamStep) {
	m, v = first(m, len(u)), first(v, len(u))
	a1, a2 := 1-s.Beta1, 1-s.Beta2
	switch vectors(len(u)) {
	case levelAVX512:
		adamAVX512(&u[0], &m[0], &v[0], len(u), s.Beta1, a1, s.Beta2, a2, s.Correct1, s.Correct2, s.Epsilon)
		return
	case levelAVX2:
		adamAVX2(&u[0], &m[0], &v[0], len(u), s.Beta1, a1, s.Beta2, a2, s.Correct1, s.Correct2, s.Epsilon)
		return
	}
	for i, g := range u {
		m1 := float32(s.Beta1*m[i]) + float32(a1*g)
		v1 := float32(s.Beta2*v[i]) + float32(a2*float32(g*g))
		m[i], v[i] = m1, v1
		u[i] = float32(m1*s.Correct1) / (float32(math.Sqrt(float64(float32(v1*s.Correct2)))) + s.Epsilon)
	}
}
