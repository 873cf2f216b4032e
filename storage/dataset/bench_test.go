package dataset

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/mrctl/mrctl/internal/rows"
)

// BenchmarkLines reads 64 MB of lines of 97 bytes from files in the page cache: one, and as many as 20,000.
func BenchmarkLines(b *testing.B) {
	const total = 64 << 20
	line := append(bytes.Repeat([]byte("x"), 96), '\n')
	for _, n := range []int{1, 1000, 20000} {
		dir := b.TempDir()
		body := bytes.Repeat(line, total/n/len(line))
		for i := range n {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), body, 0o644); err != nil {
				b.Fatal(err)
			}
		}
		src := disk{}
		var splits []Split
		for s, err := range Plan(Expand(b.Context(), src, []string{dir}, nil), PlanOptions{SplitSize: 16 << 20}) {
			if err != nil {
				b.Fatal(err)
			}
			splits = append(splits, s)
		}
		for _, terminated := range []bool{true, false} {
			b.Run(fmt.Sprintf("files=%d/terminated=%v", n, terminated), func(b *testing.B) {
				b.SetBytes(int64(n * len(body)))
				b.ReportAllocs()
				buf := &rows.Records{Data: make([]byte, 0, DefaultBatch), Off: make([]int32, 0, 64<<10)}
				opt := Options{Terminated: terminated, Buffer: func(n int) *rows.Records {
					*buf = rows.Records{Data: buf.Data[:0], Off: buf.Off[:0]}
					return buf
				}}
				for b.Loop() {
					lines := 0
					for _, s := range splits {
						r, err := Open(b.Context(), src, s, opt)
						if err != nil {
							b.Fatal(err)
						}
						for {
							rec, err := r.Next(b.Context())
							if errors.Is(err, io.EOF) {
								break
							}
							if err != nil {
								b.Fatal(err)
							}
							lines += rec.Len()
						}
						r.Close()
					}
					if lines != n*len(body)/len(line) {
						b.Fatalf("%d lines", lines)
					}
				}
			})
		}
	}
}
