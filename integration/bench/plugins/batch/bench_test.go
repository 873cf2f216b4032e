package main

import (
	"math/rand/v2"
	"testing"
)

// BenchmarkAppendWords is the time to find the words of text.
func BenchmarkAppendWords(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	text := make([]byte, 64<<10)
	for i := range text {
		if text[i] = byte('a' + r.IntN(26)); r.IntN(6) == 0 {
			text[i] = ' '
		}
	}
	b.SetBytes(int64(len(text)))
	var words []int32
	for b.Loop() {
		words = words[:0]
		for i := 0; i < len(text); i += 100 {
			words = appendWords(words, text, i, min(i+100, len(text)))
		}
	}
}
