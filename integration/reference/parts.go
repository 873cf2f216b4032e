package reference

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Parts reads the lines of all parts in a local output folder, sorted. A folder without _SUCCESS is an error.
func Parts(dir string) ([]string, error) {
	if _, err := os.Stat(filepath.Join(dir, "_SUCCESS")); err != nil {
		return nil, err
	}
	names, err := filepath.Glob(filepath.Join(dir, "part-*"))
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			return nil, err
		}
		if len(b) == 0 {
			continue
		}
		if b[len(b)-1] != '\n' {
			return nil, errors.New(n + " does not end with a newline")
		}
		lines = append(lines, strings.Split(string(b[:len(b)-1]), "\n")...)
	}
	slices.Sort(lines)
	return lines, nil
}
