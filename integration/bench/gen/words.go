package gen

import (
	"fmt"
	"math/rand/v2"
)

// A word is kept at a fixed width, so that writing one is a copy of known size: the letters, then how many there are.
type word [24]byte

func (w *word) len() int       { return int(w[len(w)-1]) }
func (w *word) String() string { return string(w[:w.len()]) }

var (
	onsets = []string{"b", "br", "c", "ch", "d", "dr", "f", "g", "gr", "h", "j", "k", "l", "m", "n", "p", "qu", "r", "s", "sh", "st", "t", "th", "v", "w"}
	nuclei = []string{"a", "a", "e", "e", "i", "o", "u", "ai", "ou"}
	codas  = []string{"", "", "", "", "d", "l", "n", "r", "s", "t", "ck", "nd"}
)

// vocabulary invents n different words of small letters. As in real text the frequent ones, which come first, are short.
func vocabulary(n int, seed uint64) []word {
	r := rand.NewPCG(seed, 'w')
	pick := func(from []string) string { return from[below(r, len(from))] }
	seen := make(map[word]struct{}, n)
	words := make([]word, 0, n)
	for len(words) < n {
		var syllables int
		switch rank := len(words); {
		case rank < 10:
			syllables = 0 // a vowel and an ending
		case rank < 200:
			syllables = 1
		case rank < 4000:
			syllables = 1 + below(r, 2)
		case rank < 60_000:
			syllables = 2 + below(r, 2)
		default:
			syllables = 2 + below(r, 4)
		}
		var w word
		at := 0
		add := func(s string) {
			if at+len(s) < len(w) { // the last byte is the length
				at += copy(w[at:], s)
			}
		}
		if syllables == 0 {
			add(nuclei[below(r, 5)])
		}
		for range syllables {
			add(pick(onsets))
			add(pick(nuclei))
		}
		add(pick(codas))
		w[len(w)-1] = byte(at)
		if _, dup := seen[w]; !dup {
			seen[w] = struct{}{}
			words = append(words, w)
		}
	}
	return words
}

// paths invents n request paths. They may repeat, as they do not matter by themselves.
func paths(n int, seed uint64) []string {
	names := vocabulary(20_000, seed)
	r := rand.NewPCG(seed, 'p')
	all := make([]string, n)
	for i := range all {
		p := ""
		for range 1 + below(r, 3) {
			p += "/" + names[below(r, len(names))].String()
		}
		switch below(r, 4) {
		case 0:
			p += ".html"
		case 1:
			p += fmt.Sprintf("?id=%d", below(r, 100_000))
		case 2:
			p += fmt.Sprintf("/%d", i)
		}
		all[i] = p
	}
	return all
}
