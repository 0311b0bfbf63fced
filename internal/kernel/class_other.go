//go:build !amd64

// Machines without assembly kernels: class portable.

package kernel

func detect() level { return levelGo }

func vectors(int) level { return levelGo }
