//go:build amd64

// The x86-64 implementations, and what a processor must have for each.

package kernel

func detect() level { return levelGo }

func set(level) { current = levelGo }
