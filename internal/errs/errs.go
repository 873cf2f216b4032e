// Package errs holds the one error type that crosses every boundary of the system: plugin, worker, coordinator, client.
//
// A kind says what the caller does next; the text says what was tried, on what. Each layer adds its operand once:
//
//	spill map/17: write /scratch/run-3: no space left on device
package errs

import (
	"context"
	"errors"
	"fmt"
)

// Kind says what the receiver of an error does next. Kinds travel over gRPC and into records: append only.
type Kind uint8

const (
	Other       Kind = iota // unclassified; treated as a failure of the attempt
	Invalid                 // the request is wrong: fix it; never retried
	NotFound                // what was named does not exist
	Conflict                // another writer won: re-read, then decide
	Unavailable             // try again later, elsewhere
	UserCode                // the job's own function failed; counts against its attempts
	Fenced                  // a newer epoch exists: stop writing now
	Corrupt                 // bytes are not what was written
	Canceled                // somebody asked for it
)

var names = [...]string{"other", "invalid", "not-found", "conflict", "unavailable", "user-code", "fenced", "corrupt", "canceled"}

// String names the kind as it is printed and logged.
func (k Kind) String() string {
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("kind-%d", uint8(k))
}

// Error is an error with a kind and the operation and operand it befell. Op and On may be empty.
type Error struct {
	Kind Kind
	Op   string // "storage.PutIf"
	On   string // "jobs/42/job"
	Err  error
}

// Error prints op, operand and cause, leaving out what is empty.
func (e *Error) Error() string {
	s := e.Op
	if e.On != "" {
		if s != "" {
			s += " "
		}
		s += e.On
	}
	if e.Err == nil {
		if s == "" {
			return e.Kind.String()
		}
		return s + ": " + e.Kind.String()
	}
	if s == "" {
		return e.Err.Error()
	}
	return s + ": " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// E makes an error of a kind. It returns nil when err is nil.
func E(kind Kind, op, on string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Kind: kind, Op: op, On: on, Err: err}
}

// New makes an error of a kind with a text in the manner of fmt.Errorf; %w works.
func New(kind Kind, format string, args ...any) error {
	return &Error{Kind: kind, Err: fmt.Errorf(format, args...)}
}

// KindOf finds the outermost kind in err's chain that is not Other. A context's end is Canceled or Unavailable.
func KindOf(err error) Kind {
	for e := err; e != nil; {
		var x *Error
		if !errors.As(e, &x) {
			break
		}
		if x.Kind != Other {
			return x.Kind
		}
		e = x.Err
	}
	switch {
	case errors.Is(err, context.Canceled):
		return Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return Unavailable
	}
	return Other
}

// Is reports whether KindOf(err) is kind.
func Is(err error, kind Kind) bool { return err != nil && KindOf(err) == kind }
