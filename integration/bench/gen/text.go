package gen

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
)

const (
	textWords  = 1_000_000
	textZipf   = 1.07
	tinyFiles  = 20_000
	tinyFolder = 1000 // files a folder
)

func newText(seed uint64) maker {
	words := vocabulary(textWords, seed)
	ranks := newZipf(textWords, textZipf)
	return func(r *rand.PCG, _ int, buf []byte, size int) []byte {
		n, start, end := 0, 0, 0 // the line begins at start and is over when a word would go beyond end
		for n < size {
			w := &words[ranks.draw(r)]
			switch {
			case n+w.len() >= end:
				if n > 0 {
					buf[n] = '\n'
					n++
				}
				start = n
				end = start + 80 + below(r, 41)
			case n > start:
				buf[n] = ' '
				n++
			}
			*(*word)(buf[n:]) = *w // whole, the next write covers what is too much
			n += w.len()
		}
		buf[n] = '\n'
		return buf[:n+1]
	}
}

// writeTiny writes the same text twice: in many files and in one.
func writeTiny(ctx context.Context, dir string, s Spec) error {
	text := newText(s.Seed)
	return create(filepath.Join(dir, "whole.txt"), func(whole io.Writer) error {
		size := int(max(1, s.Size/tinyFiles))
		buf := make([]byte, size+slack)
		for i := range tinyFiles {
			if err := ctx.Err(); err != nil {
				return err
			}
			folder := filepath.Join(dir, "files", fmt.Sprintf("%03d", i/tinyFolder))
			if i%tinyFolder == 0 {
				if err := os.MkdirAll(folder, 0o755); err != nil {
					return err
				}
			}
			body := text(rand.NewPCG(s.Seed, uint64(i)), i, buf, size)
			if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%05d.txt", i)), body, 0o644); err != nil { // readable test data
				return err
			}
			if _, err := whole.Write(body); err != nil {
				return err
			}
		}
		return nil
	})
}
