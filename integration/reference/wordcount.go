// Package reference answers, in the plainest way, what jobs are asked in tests: one process, one thread, no framework.
package reference

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// escape is the tsv rule for text.
var escape = strings.NewReplacer("\\", `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`)

// WordCount counts the words (strings.Fields) of files and of all files below folders, skipping names that begin with
// "." or "_" at every level below the folder. It returns sorted lines "word<TAB>count".
func WordCount(paths ...string) ([]string, error) {
	counts := map[string]int64{}
	for _, root := range paths {
		if err := walk(root, func(path string) error { return countFile(path, counts) }); err != nil {
			return nil, err
		}
	}
	lines := make([]string, 0, len(counts))
	for w, n := range counts {
		lines = append(lines, escape.Replace(w)+"\t"+strconv.FormatInt(n, 10))
	}
	slices.Sort(lines)
	return lines, nil
}

func walk(root string, file func(path string) error) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path != root && (strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_")) {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			return nil
		}
		if d.Type()&fs.ModeSymlink != 0 {
			if target, err := os.Stat(path); err != nil || target.IsDir() {
				return nil
			}
		}
		return file(path)
	})
}

func countFile(path string, counts map[string]int64) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // read only
	r := bufio.NewReaderSize(f, 1<<20)
	for {
		line, err := r.ReadString('\n')
		for _, w := range strings.Fields(line) {
			counts[w]++
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// Lines splits tsv output into its sorted lines.
func Lines(out string) []string {
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(lines) == 1 && lines[0] == "" {
		lines = nil
	}
	slices.Sort(lines)
	return lines
}

// Diff says where two sorted lists of lines part first; "" when they are equal.
func Diff(got, want []string) string {
	for i := range max(len(got), len(want)) {
		g, w := "(nothing)", "(nothing)"
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			return "line " + strconv.Itoa(i+1) + ": got " + strconv.Quote(g) + ", want " + strconv.Quote(w) +
				" (" + strconv.Itoa(len(got)) + " lines, want " + strconv.Itoa(len(want)) + ")"
		}
	}
	return ""
}
