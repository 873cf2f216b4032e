package runs

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/mrctl/mrctl/internal/rows"
)

// samples are what final runs hold: counts of words, hits by status and path, and records that do not compress.
func samples() map[string][]Pair {
	r := rand.New(rand.NewPCG(1, 2))
	count := func() []byte { return binary.BigEndian.AppendUint64(nil, uint64(1+r.ExpFloat64()*20)) }
	all := map[string][]Pair{}
	for range 200_000 {
		word := make([]byte, 2+r.IntN(9))
		for i := range word {
			word[i] = "etaoinshrdlucmfwypvbgkjqxz"[int(r.ExpFloat64()*6)%26]
		}
		all["words"] = append(all["words"], Pair{Key: word, Val: count()})
	}
	for range 100_000 {
		path := fmt.Appendf(nil, "%d /shop/%s/item-%06d.html", []int{200, 200, 200, 304, 404}[r.IntN(5)],
			[]string{"books", "music", "garden", "tools"}[r.IntN(4)], r.IntN(200_000))
		all["paths"] = append(all["paths"], Pair{Key: path, Val: append(count(), count()...)})
	}
	for range 50_000 {
		rec := make([]byte, 100)
		for i := range rec {
			rec[i] = byte(r.Uint32())
		}
		all["records"] = append(all["records"], Pair{Key: rec[:10], Val: rec[10:]})
	}
	for _, pairs := range all {
		slices.SortFunc(pairs, func(a, b Pair) int { return slices.Compare(a.Key, b.Key) })
	}
	return all
}

// inMemory is a file that is not there.
type inMemory struct{ bytes.Buffer }

func (*inMemory) Close() error { return nil }

// BenchmarkCodec says what a codec costs and brings: processor time to write and to read pairs, in seconds a GB of them
// packed, and how much smaller they get. The rule of the worker's --run-codec rests on it.
func BenchmarkCodec(b *testing.B) {
	for _, name := range []string{"words", "paths", "records"} {
		pairs := samples()[name]
		raw := 0
		for _, p := range pairs {
			raw += rows.PackedSize(p.Key, p.Val)
		}
		for codec, label := range []string{"none", "lz4", "zstd"} {
			var file inMemory
			file.Grow(raw + 1<<20)
			write := func() Info {
				file.Reset()
				w, err := Create("run", 1, Options{Codec: Codec(codec), Digest: SumPairs, Create: func(string) (io.WriteCloser, error) { return &file, nil }})
				if err != nil {
					b.Fatal(err)
				}
				for i := range pairs {
					if err := w.Append(&pairs[i]); err != nil {
						b.Fatal(err)
					}
				}
				info, err := w.Finish()
				if err != nil {
					b.Fatal(err)
				}
				return info
			}
			info := write()
			read := func() {
				r := info.Range()
				r.Mem = file.Bytes()[r.Off : r.Off+r.Len]
				m := NewMerge([]Range{r}, nil)
				defer m.Close()
				n := 0
				for p, err := m.Next(); p != nil || err != nil; p, err = m.Next() {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n != len(pairs) {
					b.Fatalf("%d pairs of %d", n, len(pairs))
				}
			}
			b.Run(name+"/"+label+"/write", func(b *testing.B) {
				perGB(b, raw, func() { write() })
				b.ReportMetric(float64(raw)/float64(info.Sections), "ratio")
			})
			b.Run(name+"/"+label+"/read", func(b *testing.B) { perGB(b, raw, read) })
		}
	}
}

// perGB reports the processor time of f, which is what others on the machine disturb least.
func perGB(b *testing.B, size int, f func()) {
	cpu := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	b.SetBytes(int64(size))
	begin := cpu()
	for b.Loop() {
		f()
	}
	b.ReportMetric((cpu()-begin).Seconds()/float64(b.N)/float64(size)*1e9, "cpu-s/GB")
}
