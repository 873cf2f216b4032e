// Package tutorial holds docs/tutorial.md to its word: its files are written and its commands run from an empty folder,
// and must print what it shows.
//
// A block of console lines is a session: lines that begin with "$ " are commands, those below what the command prints. In
// them "..." stands for any text, and on a line of its own for any lines; a last line "exit N" is how the command ends, where that is not 0.
// A block after a line that ends in "`NAME`:" is written to the file; "In `NAME`, this", at the end of a line, begins an edit, whose two
// blocks are what is replaced and what it becomes.
package tutorial

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// step is one thing that the reader does.
type step struct {
	line    int
	file    string // to be written, or edited if old is set
	old     string
	text    string
	command string
	prints  string
	exit    int
}

var (
	writesRE = regexp.MustCompile("`([^`]+)`:$")
	editsRE  = regexp.MustCompile("\\bIn `([^`]+)`, this$")
)

// parse reads the steps of a document.
func parse(text string) (steps []step, err error) {
	lines := strings.Split(text, "\n")
	before, edits := "", ""
	for i := 0; i < len(lines); i++ {
		lang, fence := strings.CutPrefix(lines[i], "```")
		if !fence {
			if lines[i] != "" {
				before = lines[i]
			}
			if m := editsRE.FindStringSubmatch(lines[i]); m != nil {
				edits = m[1]
			}
			continue
		}
		from := i + 1
		for i++; i < len(lines) && lines[i] != "```"; i++ {
		}
		if i == len(lines) {
			return nil, fmt.Errorf("line %d: a block does not end", from)
		}
		block := lines[from:i]
		switch m := writesRE.FindStringSubmatch(before); {
		case lang == "console":
			steps = append(steps, session(from+1, block)...)
		case m != nil && edits == "":
			steps = append(steps, step{line: from, file: m[1], text: strings.Join(block, "\n") + "\n"})
		case edits != "" && len(steps) > 0 && steps[len(steps)-1].file == edits && steps[len(steps)-1].text == "":
			steps[len(steps)-1].text, edits = strings.Join(block, "\n")+"\n", ""
		case edits != "":
			steps = append(steps, step{line: from, file: edits, old: strings.Join(block, "\n") + "\n"})
		default:
			return nil, fmt.Errorf("line %d: it is not said what this block is", from)
		}
	}
	return steps, nil
}

// session reads commands and what they print.
func session(line int, block []string) (steps []step) {
	for i, l := range block {
		if command, ok := strings.CutPrefix(l, "$ "); ok {
			steps = append(steps, step{line: line + i, command: command})
			continue
		}
		if len(steps) == 0 {
			continue
		}
		s := &steps[len(steps)-1]
		if _, err := fmt.Sscanf(l, "exit %d", &s.exit); err != nil {
			s.prints += l + "\n"
		}
	}
	return steps
}

// write writes or edits the file.
func (s *step) write(dir string) error {
	path := filepath.Join(dir, s.file)
	if s.old == "" {
		return os.WriteFile(path, []byte(s.text), 0o600)
	}
	was, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if strings.Count(string(was), s.old) != 1 {
		return fmt.Errorf("%s does not have once\n%s", s.file, s.old)
	}
	return os.WriteFile(path, []byte(strings.Replace(string(was), s.old, s.text, 1)), 0o600)
}

// judge compares what a command did with what is shown.
func (s *step) judge(out string, err error) error {
	code := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		return err
	}
	if code != s.exit {
		return fmt.Errorf("exit %d, want %d:\n%s", code, s.exit, out)
	}
	want := regexp.QuoteMeta(s.prints)
	want = strings.ReplaceAll(want, `\.\.\.`+"\n", "\x00")
	want = strings.ReplaceAll(want, `\.\.\.`, `[^\n]*`)
	want = strings.ReplaceAll(want, "\n\x00", "\n(?:[^\n]*\n)*")
	want = strings.ReplaceAll(want, "\x00", "[^\n]*\n")
	if strings.HasPrefix(s.prints, "...\n") {
		want = "(?:[^\n]*\n)*" + strings.TrimPrefix(want, "[^\n]*\n")
	}
	if !regexp.MustCompile("^" + want + "$").MatchString(out) {
		return fmt.Errorf("it prints\n%s\nwhere the document shows\n%s", out, s.prints)
	}
	return nil
}

// TestJudge: what is not as shown is noticed.
func TestJudge(t *testing.T) {
	for _, c := range []struct {
		shown, out string
		same       bool
	}{
		{"a\nb\n", "a\nb\n", true},
		{"a\n", "a\nb\n", false},
		{"a ... c\n", "a bb c\n", true},
		{"a ... c\n", "a b\nc\n", false},
		{"a\n...\nz\n", "a\nb\nc\nz\n", true},
		{"a\n...\nz\n", "a\nz\n", true},
		{"a\n...\nz\n", "a\nb\n", false},
		{"...\nz\n", "x\ny\nz\n", true},
		{"a.c\n", "abc\n", false},
	} {
		if err := (&step{prints: c.shown}).judge(c.out, nil); (err == nil) != c.same {
			t.Errorf("%q for %q: %v", c.out, c.shown, err)
		}
	}
	if err := (&step{exit: 1}).judge("", nil); err == nil {
		t.Error("a command that should have failed passes")
	}
}
