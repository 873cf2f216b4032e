package meta

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"strconv"
	"strings"
)

// Input says what text is made up. A line is a key, the line's number among all, and filler, with a space between.
type Input struct {
	Seed  uint64
	Files int
	Lines int  // of a file, at most
	Keys  int  // different ones, at most
	Heavy int  // percent of the lines that have one key
	Wide  int  // bytes of filler, at most
	CRLF  bool // at the end of lines
	Form  Form // of files
}

// size is how many bytes there are at most, roughly.
func (in Input) size() int64 { return int64(in.Files * in.Lines * (in.Wide + 20)) }

// odd parts of keys: what formats like to stumble over.
var odd = []string{"", "\t", "\\", "\x00", "\xff\xfe", "\r", "é", "_", "\\n"}

// files gives the text of each file, by name.
func (in Input) files() map[string]string {
	rng := rand.New(rand.NewPCG(in.Seed, 7))
	all := map[string]string{}
	number, end := 0, "\n"
	if in.CRLF {
		end = "\r\n"
	}
	filler := strings.Repeat("the quick brown fox ", 1+in.Wide/20)
	for f := range in.Files {
		var b strings.Builder
		lines := rng.IntN(in.Lines + 1)
		for l := range lines {
			key := rng.IntN(in.Keys)
			if rng.IntN(100) < in.Heavy {
				key = 0
			}
			number++
			fmt.Fprintf(&b, "k%d%s %d %s", key, odd[key%len(odd)], number, filler[:rng.IntN(in.Wide+1)])
			if l < lines-1 || rng.IntN(2) == 0 {
				b.WriteString(end)
			}
		}
		all[fmt.Sprintf("file-%d", f)] = b.String()
	}
	return all
}

// linesOf are the lines of a text, without their ends.
func linesOf(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for line := range strings.Lines(text) {
			if body, whole := strings.CutSuffix(line, "\n"); whole {
				line = strings.TrimSuffix(body, "\r") // one carriage return belongs to the end
			}
			if !yield(line) {
				return
			}
		}
	}
}

// names are the lines of the second input of Joined: a key and what it is called. Some keys have none, some two.
func (in Input) names() (lines []string) {
	for key := range in.Keys {
		for n := range []int{1, 0, 1, 2}[key%4] {
			lines = append(lines, fmt.Sprintf("k%d%s name-%d-%d", key, odd[key%len(odd)], key, n))
		}
	}
	return lines
}

// stored is how files lie in the store.
func (in Input) stored(files map[string]string) (map[string][]byte, error) {
	all := map[string][]byte{"names/names": []byte(strings.Join(in.names(), "\n"))}
	for name, text := range files {
		form := in.Form
		if !form.rows() && name[len(name)-1]%2 == 0 {
			form = Plain // of archives, every other file
		}
		body, err := form.pack(text)
		if err != nil {
			return nil, err
		}
		all["in/"+name+string(form)] = body
	}
	return all, nil
}

// fields takes a line apart. All that is made up has them.
func fields(line string) (key string, number int64, rest string) {
	key, line, _ = strings.Cut(line, " ")
	n, rest, _ := strings.Cut(line, " ")
	number, _ = strconv.ParseInt(n, 10, 64)
	return key, number, rest
}
