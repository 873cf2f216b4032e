// Command invertedindex finds in which documents each word stands. A record is a document: its name, a tab, and its text.
//
//	mrctl run ./examples/invertedindex documents.tsv
package main

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"

	"github.com/mrctl/mrctl/jobs"
)

// Entry is a row of the result.
type Entry struct {
	Word      string
	Documents []string
}

var job = jobs.Job[string, string, string, Entry]{
	Name: "invertedindex",
	Map: func(_ context.Context, line string, emit func(word, document string)) error {
		name, text, ok := strings.Cut(line, "\t")
		if !ok {
			return jobs.BadRecord(errors.New("no tab after the document's name"))
		}
		for word := range jobs.Words(text) {
			if word = strings.Trim(strings.ToLower(word), `.,;:!?"()`); word != "" {
				emit(word, name)
			}
		}
		return nil
	},
	// In order, so that a name that comes again comes at once.
	SortBy: jobs.Ascending(func(_, document string) string { return document }),
	Reduce: func(_ context.Context, word string, documents iter.Seq[string], emit func(Entry)) error {
		e := Entry{Word: word}
		for d := range documents {
			if !slices.Contains(e.Documents[max(len(e.Documents)-1, 0):], d) {
				e.Documents = append(e.Documents, d)
			}
		}
		emit(e)
		return nil
	},
}

func main() { jobs.Main(job) }
