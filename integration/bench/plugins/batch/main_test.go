package main

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/mrctl/mrctl/jobs/jobstest"
)

func TestLaws(t *testing.T) {
	jobstest.Laws(t, job, []string{"to be or not to be", "", "  that\tis ", "the question", "a b c d e f g h", "é à"})
}

// The words found eight bytes at a time are those of bytes.FieldsFunc.
func TestAppendWords(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		text := make([]byte, r.IntN(60))
		for i := range text {
			text[i] = " \t\v\r\naab\x00\x08\x0e\xff\x89\xa0\x8d!"[r.IntN(16)]
		}
		from := r.IntN(len(text) + 1)
		to := from + r.IntN(len(text)-from+1)
		var got [][]byte
		bounds := appendWords(nil, text, from, to)
		for i := 0; i < len(bounds); i += 2 {
			got = append(got, text[bounds[i]:bounds[i+1]])
		}
		want := bytes.FieldsFunc(text[from:to], func(c rune) bool { return c == ' ' || '\t' <= c && c <= '\r' })
		if !slices.EqualFunc(got, want, bytes.Equal) {
			t.Fatalf("%q has words %q, want %q", text[from:to], got, want)
		}
	}
}
