package bztest

import (
	"bytes"
	"compress/bzip2"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestCompress: the standard library reads what was written, whatever the blocks.
func TestCompress(t *testing.T) {
	random := make([]byte, 3000)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	for name, text := range map[string][]byte{
		"nothing": nil, "a byte": []byte("a"), "a line": []byte("one two two\n"), "random": random, "a run": make([]byte, 5000),
		"runs": []byte(strings.Repeat("aaaabbbcccccddddddddddddeee\n", 30)), "a period": []byte(strings.Repeat("ab", 700)),
		"many lines": []byte(strings.Repeat("the same line over and over\n", 100)), "runs of 255": []byte(strings.Repeat(strings.Repeat("x", 255)+strings.Repeat("y", 256), 5)),
	} {
		for _, size := range []int{4, 5, 19, 100, 999, 900_000} {
			stored := Compress(text, size)
			got, err := io.ReadAll(bzip2.NewReader(bytes.NewReader(stored)))
			if err != nil || !bytes.Equal(got, text) {
				t.Errorf("%s in blocks of %d: %d bytes, not %d, %v", name, size, len(got), len(text), err)
			}
		}
	}
}
