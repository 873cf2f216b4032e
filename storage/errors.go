package storage

import (
	"context"
	"errors"
	"fmt"

	"github.com/mrctl/mrctl/internal/errs"
)

// Fail names the operation and the key an error befell, and gives it the kind that the errors of the contract stand
// for: ErrNotExist is NotFound, ErrPrecondition Conflict, ErrUnknown Unavailable (Canceled, when that is its cause).
// Other errors keep the kind they have. nil stays nil. Stores end every method with it.
func Fail(op, key string, err error) error {
	kind := errs.KindOf(err)
	switch {
	case errors.Is(err, ErrNotExist):
		kind = errs.NotFound
	case errors.Is(err, ErrPrecondition):
		kind = errs.Conflict
	case errors.Is(err, ErrUnknown):
		kind = errs.Unavailable
		if errors.Is(err, context.Canceled) {
			kind = errs.Canceled
		}
	}
	return errs.E(kind, op, key, err)
}

// Unknown marks cause, which ended a write, as leaving its outcome open.
func Unknown(cause error) error { return fmt.Errorf("%w: %w", ErrUnknown, cause) }
