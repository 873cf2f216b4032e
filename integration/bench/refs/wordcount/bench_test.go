package wordcount

import (
	"bytes"
	"os"
	"testing"

	"github.com/mrctl/mrctl/integration/bench/gen"
)

func BenchmarkFast(b *testing.B) {
	path, err := gen.Ensure(b.Context(), os.TempDir()+"/mrctl-bench", gen.Spec{Kind: gen.Text, Size: 64_000_000})
	if err != nil {
		b.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		c := NewCounter(true)
		if err := c.Read(bytes.NewReader(text)); err != nil {
			b.Fatal(err)
		}
		c.settle()
		c.Close()
	}
}
