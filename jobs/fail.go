package jobs

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/mrctl/mrctl/internal/boundary"
)

// badRecord marks an error of a record that is set aside.
type badRecord struct{ error }

func (b badRecord) Unwrap() error { return b.error }

// BadRecord, returned by Map, sets the record aside: it is counted, a sample of it is kept, and the attempt goes on.
// What was emitted for it before stays emitted: check first, then emit. BadRecord(nil) is nil.
func BadRecord(err error) error {
	if err == nil {
		return nil
	}
	return badRecord{err}
}

func isBad(err error) bool {
	var b badRecord
	return errors.As(err, &b)
}

// failuref is a failure of the user's that is not about one record.
func failuref(format string, args ...any) *boundary.Failure {
	return &boundary.Failure{Text: fmt.Sprintf(format, args...)}
}

// panicked is the failure for what recover gave; nil means that the function left by runtime.Goexit.
func panicked(r any) *boundary.Failure {
	if r == nil {
		return failuref("runtime.Goexit was called: a job's function must return")
	}
	return &boundary.Failure{Text: fmt.Sprintf("panic: %v", r), Stack: userStack(string(debug.Stack()))}
}

// userStack is the part of a stack trace that the author of the job can use: from the panic down to where the SDK
// called him.
func userStack(trace string) string {
	lines := strings.Split(strings.TrimRight(trace, "\n"), "\n")
	from, to := 0, len(lines)
	for i := 1; i+1 < len(lines); i += 2 {
		if strings.HasPrefix(lines[i], "panic(") {
			from = i + 2
		}
		if from > 0 && strings.HasPrefix(lines[i], sdk) && i > from {
			to = i
			break
		}
	}
	if from == 0 || from >= to {
		return trace
	}
	return strings.Join(lines[from:to], "\n")
}

// sdk is how the frames of this package's own runners begin.
const sdk = "github.com/mrctl/mrctl/jobs.(*"

// guard runs f in a goroutine of its own and waits for it, so that f may call runtime.Goexit (as t.FailNow does)
// without taking the stream's goroutine along. What f's deferred functions have left in lost is then its error.
func guard(f func() error, lost **boundary.Failure) error {
	var err error
	returned := false
	done := make(chan struct{})
	go func() {
		defer close(done)
		err = f()
		returned = true
	}()
	<-done
	switch {
	case returned:
		return err
	case *lost != nil:
		return *lost
	}
	return panicked(nil)
}

// clip bounds a text that travels, and makes it valid UTF-8.
func clip(s string) string {
	const most = 4 << 10
	return strings.ToValidUTF8(s[:min(len(s), most)], "\uFFFD")
}
