// Package kernel holds the inner loops over float32 vectors and matrices.
//
// # Classes
//
// Only the three matrix products depend on the class of the machine. [Class] names it:
//
//   - "fma": each element of C accumulates over k in ascending order by fused multiply-add (one rounding a step).
//     AVX2 and AVX-512 give the same bits.
//   - "portable": each element of C accumulates over k in ascending order, the product and the sum rounded apart: the same
//     bits on every machine.
//
// A program starts with the best class of its machine; [Use] pins one. An element of C depends on its row of A, its column
// of B and k, never on m, n or the leading dimensions.
//
// Everything else gives the same bits in both classes and on every machine: products are rounded before they are added,
// reductions use sixteen lanes and one fixed tree. A result that is NaN is a NaN; its sign and payload are not promised.
//
// # Functions
//
// Matrices are row-major. The first slice says how many elements there are; the others are as long or longer. They may be the
// same slice but not overlap otherwise; C must lie apart from A and B. A slice that is too short is a mistake of the caller
// and panics before anything is written. Empty slices are fine. No function allocates, and all may be called from any number
// of goroutines.
//
//	Gemm, GemmTN, GemmNT          C = A·B, Aᵀ·B, A·Bᵀ, or C += where acc
//
//	Exp, Log, Sigmoid, Tanh       dst[i] = f(src[i]), within 2.5 units in the last place
//	Erf, Gelu, Softplus, Relu     Gelu is the exact form x·Φ(x); Softplus is log(1+eˣ), so log loss from a logit z and a
//	                              label y is Softplus(z) - y·z
//	SigmoidGrad(dx, dy, y)        dx = dy·y·(1-y), y = Sigmoid(x)
//	TanhGrad(dx, dy, y)           dx = dy·(1-y²), y = Tanh(x)
//	ReluGrad(dx, dy, y)           dx = dy where y > 0, else 0; y = Relu(x), or x itself
//	GeluGrad(dx, dy, x)           dx = dy·(Φ(x) + x·φ(x))
//
//	Add(dst, src)                 dst += src
//	Axpy(dst, a, src)             dst += a·src
//	Scale(dst, a)                 dst *= a
//	Adam(u, m, v, AdamStep)       one step of Adam's moments; u holds the gradient and receives the scaled update
//	AddRow(dst, row, n)           adds row [n] to each row of dst [m,n]: a layer's bias
//	SumRows(dst, src, n)          dst [n] += the sum of the rows of src [m,n], in order: a bias gradient
//
//	Sum, SumSquares, Dot          float64 sums over float32 values
//	SoftmaxRows(dst, src, n)      softmax of each row of src [m,n]
//	LogSumExpRows(dst, src, n)    dst[i] = log Σ exp(src[i,:]), without overflow
//
//	Exp64, Log64 (dst, src)       float64, within 1 unit in the last place of the true value; ExpFloat64, LogFloat64 and
//	                              Log1pFloat64 are the same functions of one number
//
// # Invariant
//
// No file, no clock, no global random source, no logging; no allocation.
package kernel
