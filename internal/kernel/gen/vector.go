//go:build avo

package main

func vectors() {}
