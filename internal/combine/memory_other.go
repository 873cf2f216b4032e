//go:build !linux

package combine

func take(n int) []byte { return make([]byte, n) }

func release([]byte) {}
