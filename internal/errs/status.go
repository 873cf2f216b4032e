package errs

import (
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

var codeOf = map[Kind]codes.Code{
	Other: codes.Unknown, Invalid: codes.InvalidArgument, NotFound: codes.NotFound, Conflict: codes.AlreadyExists,
	Unavailable: codes.Unavailable, UserCode: codes.Aborted, Fenced: codes.FailedPrecondition, Corrupt: codes.DataLoss,
	Canceled: codes.Canceled,
}

// ToStatus turns err into a gRPC status that keeps its kind and text. nil stays nil. A status within err that came from
// another hop is kept where nobody has given err a kind since.
func ToStatus(err error) error {
	if err == nil {
		return nil
	}
	kind := KindOf(err)
	if _, ok := status.FromError(err); ok && kind == Other {
		return err
	}
	return status.Error(codeOf[kind], err.Error())
}

// FromStatus turns what a gRPC call returned back into an error with a kind. Errors that are not statuses are kept.
func FromStatus(err error) error {
	if err == nil {
		return nil
	}
	s, ok := status.FromError(err)
	if !ok {
		return err
	}
	kind := Other
	for k, c := range codeOf {
		if c == s.Code() {
			kind = k
		}
	}
	if s.Code() == codes.DeadlineExceeded {
		kind = Unavailable
	}
	return &Error{Kind: kind, Err: errors.New(s.Message())}
}
