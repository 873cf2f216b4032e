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
	stage := 1
	if n, rest, has := strings.Cut(of, ":"); has {
		if stage, err = strconv.Atoi(n); err != nil || stage < 1 {
			return "", false, errs.New(errs.Invalid, "%q is not a task: in the second stage of a job they are called 2:map/0", of)
		}
		of = rest
	}
	phase, rest, _ := strings.Cut(of, "/")
	number, attempt, hasAttempt := strings.Cut(rest, ".")
	task, err := strconv.ParseUint(number, 10, 31)
	if err != nil || phase != string(Map) && phase != string(Reduce) {
		return "", false, errs.New(errs.Invalid, "%q is not a task: they are called map/0, reduce/3, or map/0.1 for one attempt", of)
	}
	key := fmt.Sprintf("%s%s/logs/%d-%s-%08d.", jobPrefix, job, stage-1, phase, task)
	return key + attempt, hasAttempt, nil
}

// logName turns jobs/<id>/logs/0-map-00000017.2 into map/17.2, and that of a second stage into 2:map/17.2.
func logName(key string) (string, bool) {
	_, file, ok := strings.Cut(key, "/logs/")
	parts := strings.SplitN(file, "-", 3)
	if !ok || len(parts) != 3 {
		return "", false
	}
	number, attempt, ok := strings.Cut(parts[2], ".")
	n, err := strconv.Atoi(number)
	stage, stageErr := strconv.Atoi(parts[0])
	name := fmt.Sprintf("%s/%d.%s", parts[1], n, attempt)
	if stage > 0 {
		name = fmt.Sprintf("%d:%s", stage+1, name)
	}
	return name, ok && err == nil && stageErr == nil
}
