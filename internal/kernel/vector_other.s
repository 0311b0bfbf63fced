//go:build !amd64

// This file lets vector_stubs.go declare functions without bodies where there is no assembly; nothing calls them there.
