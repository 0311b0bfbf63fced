// The assembly is written by the program in gen. To check that it is current: go generate ./internal/kernel, then
// git diff --exit-code internal/kernel.

package kernel

//go:generate go run -tags avo ./gen -what gemm -out gemm_amd64.s -stubs gemm_stubs_amd64.go -pkg kernel
//go:generate go run -tags avo ./gen -what vector -out vector_amd64.s -stubs vector_stubs.go -pkg kernel
