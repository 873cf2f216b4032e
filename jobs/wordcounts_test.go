package jobs

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/rows"
)

// countsOf runs the map side of WordCounts over batches.
func countsOf(t *testing.T, p boundary.Program, memory uint64, in []*boundary.Input) map[string]int64 {
	t.Helper()
	got := map[string]int64{}
	sums := p.(*program[string, string, int64, Pair[string, int64]]).vals
	c, err := p.Map(t.Context(), &pluginv1.MapStart{Memory: memory}, boundary.LocalMap{
		Next: func() (*boundary.Input, error) {
			if len(in) == 0 {
				return nil, io.EOF
			}
			b := in[0]
			in = in[1:]
			return b, nil
		},
		Out: func(b *boundary.Pairs) error {
			for i := range b.Len() {
				v, err := sums.Decode(b.Val(i))
				if err != nil {
					return err
				}
				got[string(b.Key(i))] += v
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	total := int64(0)
	for _, n := range got {
		total += n
	}
	if int64(c.GetPairsOut()) != total {
		t.Errorf("%d pairs are counted, %d words came out", c.GetPairsOut(), total)
	}
	return got
}

// WordCounts counts what strings.Fields gives of each line: whatever the bytes, wherever lines end, with their
// terminators or without, combining or not.
func TestWordCounts(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	alphabet := "    \t\r\v\x00\x1f!abcdefgh\u00a0\u0085\u2003\u3000é\xc2\xff"
	for round := range 300 {
		want := map[string]int64{}
		var in []*boundary.Input
		for range 1 + rng.IntN(4) {
			b := &boundary.Input{Records: rows.Records{Off: []int32{0}, Terminated: rng.IntN(2) == 0}}
			for range rng.IntN(60) {
				line := make([]byte, rng.IntN(1+rng.IntN(200)))
				for i := range line {
					line[i] = alphabet[rng.IntN(len(alphabet))]
				}
				if round%3 == 0 {
					line = fmt.Appendf(line, " w%d", rng.IntN(1e6))
				}
				b.Data = append(b.Data, line...)
				if b.Terminated && rng.IntN(8) > 0 {
					b.Data = append(b.Data, '\n')
				} else if b.Terminated && len(line) > 0 && line[len(line)-1] == '\r' {
					b.Data = append(b.Data, 'x') // the line of the file's end keeps its \r; either is a space
					line = append(line, 'x')
				}
				b.Off = append(b.Off, int32(len(b.Data)))
				for _, w := range strings.Fields(string(line)) {
					want[w]++
				}
			}
			in = append(in, b)
		}
		p, err := WordCounts("words").Program()
		if err != nil {
			t.Fatal(err)
		}
		if round%4 == 0 {
			p = p.(*program[string, string, int64, Pair[string, int64]]).WithoutCombining()
		}
		if got := countsOf(t, p, 0, in); !maps.Equal(got, want) {
			t.Fatalf("round %d: %d words, want %d\n got %v\nwant %v", round, len(got), len(want), got, want)
		}
	}
}

// Words that never repeat shut the table, in the middle of a batch.
func TestWordCountsWithoutRepeats(t *testing.T) {
	var text strings.Builder
	want := map[string]int64{}
	for i := range 400_000 {
		w := fmt.Sprint(i)
		if i > 300_000 {
			w = fmt.Sprint(i % 10)
		}
		text.WriteString(w)
		text.WriteByte(" \n"[i%2])
		want[w]++
	}
	l := &lineReader{files: []string{"-"}, stdin: strings.NewReader(text.String())}
	var in []*boundary.Input
	for {
		b, err := l.next()
		if err != nil {
			break
		}
		in = append(in, b)
	}
	p, err := WordCounts("words").Program()
	if err != nil {
		t.Fatal(err)
	}
	if got := countsOf(t, p, 4<<20, in); !maps.Equal(got, want) {
		t.Errorf("%d words, want %d", len(got), len(want))
	}
}

func TestWordCountsRefusesMap(t *testing.T) {
	j := WordCounts("words")
	j.Map = countWords
	if _, err := j.Program(); err == nil || !strings.Contains(err.Error(), "ready-made") {
		t.Errorf("%v", err)
	}
}
