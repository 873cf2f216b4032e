package answer

import (
	"bytes"
	"fmt"
	"os"
	"slices"
)

// Diff shows the first lines in which two outputs of lines differ, once both are sorted; "" when they do not. It holds
// both in memory.
func Diff(ours, theirs string) (string, error) {
	a, err := sortedLines(ours)
	if err != nil {
		return "", err
	}
	b, err := sortedLines(theirs)
	if err != nil {
		return "", err
	}
	const enough = 3
	var text []byte
	for shown := 0; len(a)+len(b) > 0 && shown < enough; {
		switch {
		case len(b) == 0 || len(a) > 0 && bytes.Compare(a[0], b[0]) < 0:
			text = fmt.Appendf(text, "only ours: %.200q\n", a[0])
			a = a[1:]
			shown++
		case len(a) == 0 || bytes.Compare(a[0], b[0]) > 0:
			text = fmt.Appendf(text, "only theirs: %.200q\n", b[0])
			b = b[1:]
			shown++
		default:
			a, b = a[1:], b[1:]
		}
	}
	return string(text), nil
}

func sortedLines(path string) ([][]byte, error) {
	parts, err := Parts(path)
	if err != nil {
		return nil, err
	}
	var lines [][]byte
	for _, p := range parts {
		b, err := os.ReadFile(p)
		if err != nil {
			return nil, err
		}
		for l := range bytes.Lines(b) {
			lines = append(lines, l)
		}
	}
	slices.SortFunc(lines, bytes.Compare)
	return lines, nil
}
