package ledger

import (
	"context"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
)

// Log is what an attempt left on standard error.
type Log struct {
	Name string // "map/17.2"
	Text []byte
}

// Logs yields the logs of a job's attempts, all or those of one task ("map/17") or attempt ("map/17.2"). It stops at the
// first error; a name that is none of these is errs.Invalid.
func Logs(ctx context.Context, store storage.Store, job, of string) iter.Seq2[Log, error] {
	return func(yield func(Log, error) bool) {
		prefix, exact, err := logPrefix(job, of)
		if err != nil {
			yield(Log{}, err)
			return
		}
		for info, err := range store.List(ctx, prefix, "") {
			if err != nil {
				yield(Log{}, err)
				return
			}
			name, ok := logName(info.Key)
			if !ok || exact && info.Key != prefix {
				continue
			}
			text, _, err := Fetch(ctx, store, info.Key)
			if err != nil {
				yield(Log{}, err)
				return
			}
			if !yield(Log{Name: name, Text: text}, nil) {
				return
			}
		}
	}
}

func logPrefix(job, of string) (prefix string, exact bool, err error) {
	if of == "" {
		return jobPrefix + job + "/logs/", false, nil
	}
	phase, rest, _ := strings.Cut(of, "/")
	number, attempt, hasAttempt := strings.Cut(rest, ".")
	task, err := strconv.ParseUint(number, 10, 31)
	if err != nil || phase != string(Map) && phase != string(Reduce) {
		return "", false, errs.New(errs.Invalid, "%q is not a task: they are called map/0, reduce/3, or map/0.1 for one attempt", of)
	}
	key := fmt.Sprintf("%s%s/logs/0-%s-%08d.", jobPrefix, job, phase, task)
	return key + attempt, hasAttempt, nil
}

// logName turns jobs/<id>/logs/0-map-00000017.2 into map/17.2.
func logName(key string) (string, bool) {
	_, file, ok := strings.Cut(key, "/logs/")
	parts := strings.SplitN(file, "-", 3)
	if !ok || len(parts) != 3 {
		return "", false
	}
	number, attempt, ok := strings.Cut(parts[2], ".")
	n, err := strconv.Atoi(number)
	return fmt.Sprintf("%s/%d.%s", parts[1], n, attempt), ok && err == nil
}
