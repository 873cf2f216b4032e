package gen

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/mrctl/mrctl/internal/errs"
)

func ensure(t *testing.T, s Spec) string {
	t.Helper()
	path, err := Ensure(t.Context(), t.TempDir(), s)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The bytes are part of the benchmark: whoever changes them raises Version, and this list.
func TestBytesArePinned(t *testing.T) {
	for kind, want := range map[Kind]string{
		Text:      "6c0179897d6c73ef",
		Logs:      "449c7f0287bb26ce",
		Records:   "cf34f70c445acc55",
		Printable: "0365bb7fadc1ae6a",
		Uniform:   "26a789551476fcae",
		Skewed:    "cea61dcbb6d1ebe2",
		Distinct:  "10a499a7c75fc2ea",
		Long:      "cf5299dd208617d7",
	} {
		body := read(t, ensure(t, Spec{Kind: kind, Size: 5_000_000, Seed: 1}))
		sum := sha256.Sum256(body)
		if got := hex.EncodeToString(sum[:8]); got != want && runtime.GOARCH == "amd64" {
			t.Errorf("%s: the sha256 begins with %s, want %s", kind, got, want)
		}
		if over := len(body) - 5_000_000; over < 0 || over > 2*slack {
			t.Errorf("%s: %d bytes above the size", kind, over)
		}
	}
}

func TestBytesDoNotDependOnCores(t *testing.T) {
	want := read(t, ensure(t, Spec{Kind: Uniform, Size: 9 * blockSize}))
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for _, cores := range []int{1, 7} {
		runtime.GOMAXPROCS(cores)
		if !bytes.Equal(want, read(t, ensure(t, Spec{Kind: Uniform, Size: 9 * blockSize}))) {
			t.Errorf("other bytes with GOMAXPROCS=%d", cores)
		}
	}
}

func TestSeedChangesBytes(t *testing.T) {
	for _, kind := range []Kind{Logs, Records, Printable, Uniform, Skewed} {
		if bytes.Equal(read(t, ensure(t, Spec{Kind: kind, Size: 1000})), read(t, ensure(t, Spec{Kind: kind, Size: 1000, Seed: 7}))) {
			t.Errorf("%s: the seed does not matter", kind)
		}
	}
}

func TestTextLooksLikeText(t *testing.T) {
	text := string(read(t, ensure(t, Spec{Kind: Text, Size: 8_000_000})))
	if bad := strings.Trim(text, "abcdefghijklmnopqrstuvwxyz \n"); bad != "" || strings.Contains(text, "  ") {
		t.Errorf("text holds more than words and single blanks, at %.20q", bad)
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for _, l := range lines {
		if len(l) == 0 || len(l) > 125 || strings.TrimSpace(l) != l {
			t.Fatalf("line %q", l)
		}
	}
	if mean := len(text) / len(lines); mean < 90 || mean > 110 {
		t.Errorf("lines of %d bytes, want about 100", mean)
	}
	count := map[string]int{}
	words := strings.Fields(text)
	for _, w := range words {
		count[w]++
	}
	if mean := float64(len(text)) / float64(len(words)); mean < 5.3 || mean > 6.3 {
		t.Errorf("%.2f bytes a word with its blank, want about 5.9", mean)
	}
	if len(count) < 100_000 {
		t.Errorf("%d different words in %d", len(count), len(words))
	}
	// The most frequent word has 1 of sum 1/i^1.07 over a million ranks, which is about 9.6.
	most := 0
	for _, n := range count {
		most = max(most, n)
	}
	if share := float64(most) / float64(len(words)); math.Abs(share-1/9.6) > 0.01 {
		t.Errorf("the most frequent word has %.3f of all", share)
	}
}

func TestZipfMatchesWeights(t *testing.T) {
	const n, draws = 50, 2_000_000
	z, r := newZipf(n, 1.2), rand.NewPCG(1, 2)
	var count [n]float64
	for range draws {
		count[z.draw(r)]++
	}
	sum := 0.0
	for i := range n {
		sum += math.Pow(float64(i+1), -1.2)
	}
	for i := range n {
		want := math.Pow(float64(i+1), -1.2) / sum * draws
		if math.Abs(count[i]-want) > 6*math.Sqrt(want) {
			t.Errorf("number %d drawn %v times, want %.0f", i, count[i], want)
		}
	}
}

func TestLogsAreCombinedFormat(t *testing.T) {
	line := regexp.MustCompile(`^\d+\.\d+\.\d+\.\d+ - - \[\d\d/Mar/2026:\d\d:\d\d:\d\d \+0000\] "[A-Z]+ /\S+ HTTP/1\.1" \d{3} \d+ "https://\S+" "Mozilla[^"]+"$`)
	for l := range strings.Lines(string(read(t, ensure(t, Spec{Kind: Logs, Size: 4_100_000})))) {
		if !line.MatchString(strings.TrimSuffix(l, "\n")) {
			t.Fatalf("line %q", l)
		}
	}
}

func TestRecords(t *testing.T) {
	for _, kind := range []Kind{Records, Printable} {
		body := read(t, ensure(t, Spec{Kind: kind, Size: 4_000_500}))
		if len(body) != 4_000_500 {
			t.Fatalf("%s: %d bytes", kind, len(body))
		}
		keys, numbers := map[string]bool{}, map[string]bool{}
		for rec := range slices.Chunk(body, RecordSize) {
			keys[string(rec[:KeySize])] = true
			numbers[string(rec[KeySize:KeySize+8])] = true
			if i := bytes.IndexAny(rec, "\n"); kind == Printable && (i != RecordSize-1 || strings.Trim(string(rec[:i]), printable) != "") {
				t.Fatalf("record %q is no printable line", rec)
			}
		}
		if len(keys) != 40_005 || len(numbers) != 40_005 {
			t.Errorf("%s: %d keys and %d numbers in 40,005 records", kind, len(keys), len(numbers))
		}
	}
}

const printable = "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"

func TestTinyFilesAreTheWhole(t *testing.T) {
	dir := ensure(t, Spec{Kind: Tiny, Size: 4_000_000})
	var joined []byte
	n := 0
	err := filepath.WalkDir(filepath.Join(dir, "files"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			n++
			joined = append(joined, read(t, path)...)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if n != tinyFiles || !bytes.Equal(joined, read(t, filepath.Join(dir, "whole.txt"))) {
		t.Errorf("%d files that make %d bytes do not make the whole", n, len(joined))
	}
}

func TestSkew(t *testing.T) {
	for kind, want := range map[Kind]float64{Uniform: 0, Skewed: 0.30} {
		first, rows := 0, 0
		for l := range strings.Lines(string(read(t, ensure(t, Spec{Kind: kind, Size: 8_000_000})))) {
			key, value, ok := strings.Cut(l, " ")
			if !ok || len(key) != 9 || len(value) < 70 {
				t.Fatalf("row %q", l)
			}
			rows++
			if key == "k00000000" {
				first++
			}
		}
		if share := float64(first) / float64(rows); math.Abs(share-want) > 0.01 {
			t.Errorf("%s: the first key has %.3f of the rows", kind, share)
		}
	}
}

func TestEnsureKeepsWhatIsThere(t *testing.T) {
	cache := t.TempDir()
	s := Spec{Kind: Uniform, Size: 1000}
	path, err := Ensure(t.Context(), cache, s)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	if again, err := Ensure(t.Context(), cache, s); err != nil || again != path || string(read(t, again)) != "kept" {
		t.Errorf("made again: %s, %v", again, err)
	}
}

func TestEnsureLeavesNothingBehindWhenStopped(t *testing.T) {
	cache := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Ensure(ctx, cache, Spec{Kind: Uniform, Size: 100 * blockSize}); !errs.Is(err, errs.Canceled) {
		t.Errorf("err = %v", err)
	}
	if left, _ := os.ReadDir(cache); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestEnsureRefuses(t *testing.T) {
	for _, s := range []Spec{{Kind: "poems", Size: 1}, {Kind: Text}, {Kind: Text, Size: -1}} {
		if _, err := Ensure(t.Context(), t.TempDir(), s); !errs.Is(err, errs.Invalid) {
			t.Errorf("%+v: err = %v", s, err)
		}
	}
}

func BenchmarkText(b *testing.B) {
	mk := newText(0)
	buf := make([]byte, blockSize+slack)
	b.SetBytes(blockSize)
	for i := range b.N {
		mk(rand.NewPCG(0, uint64(i)), i, buf, blockSize)
	}
}

func BenchmarkLogs(b *testing.B) {
	mk := newLogs(0)
	buf := make([]byte, blockSize+slack)
	b.SetBytes(blockSize)
	for i := range b.N {
		mk(rand.NewPCG(0, uint64(i)), i, buf, blockSize)
	}
}

// No word comes twice, across blocks either.
func TestDistinctWords(t *testing.T) {
	body := read(t, ensure(t, Spec{Kind: Distinct, Size: 2*blockSize + 1000, Seed: 7}))
	seen := map[string]bool{}
	for word := range strings.FieldsSeq(string(body)) {
		if seen[word] || len(word) != DistinctSize-1 {
			t.Fatalf("%q comes twice, or is no word", word)
		}
		seen[word] = true
	}
	if n := len(body) / DistinctSize; len(seen) != n {
		t.Errorf("%d words in %d lines", len(seen), n)
	}
}

func TestLongRows(t *testing.T) {
	body := read(t, ensure(t, Spec{Kind: Long, Size: 3*LongSize + 5}))
	rows := strings.Split(strings.TrimSuffix(string(body), "\n"), "\n")
	if len(rows) != 4 {
		t.Fatalf("%d rows", len(rows))
	}
	for i, row := range rows {
		key, value, ok := strings.Cut(row, " ")
		if !ok || len(key) != 2 || value == "" || i < 3 && len(row) != LongSize-1 {
			t.Errorf("row %d has a key of %d bytes and a value of %d", i, len(key), len(value))
		}
	}
}
