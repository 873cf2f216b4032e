package errs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestKindsSurviveGRPC(t *testing.T) {
	for k := Invalid; k <= Canceled; k++ {
		err := fmt.Errorf("spill map/17: %w", E(k, "write", "run-3", io.ErrShortWrite))
		back := FromStatus(ToStatus(err))
		if KindOf(back) != k || back.Error() != err.Error() {
			t.Errorf("%v came back as %v: %v", k, KindOf(back), back)
		}
	}
	if ToStatus(nil) != nil || FromStatus(nil) != nil {
		t.Error("no error became one")
	}
	if err := FromStatus(status.Error(codes.DeadlineExceeded, "late")); KindOf(err) != Unavailable {
		t.Errorf("a deadline is %v", KindOf(err))
	}
	if err := FromStatus(io.EOF); !errors.Is(err, io.EOF) {
		t.Errorf("what is no status was changed: %v", err)
	}
}

func TestKindOfIsTheOutermostThatSays(t *testing.T) {
	inner := E(UserCode, "map", "", errors.New("boom"))
	for _, c := range []struct {
		err  error
		want Kind
	}{
		{nil, Other}, {errors.New("x"), Other}, {inner, UserCode}, {fmt.Errorf("wrapped: %w", inner), UserCode},
		{E(Unavailable, "try", "", inner), Unavailable}, {E(Other, "try", "", inner), UserCode},
		{fmt.Errorf("stop: %w", context.Canceled), Canceled}, {context.DeadlineExceeded, Unavailable},
		{New(Fenced, "epoch %d: %w", 3, io.EOF), Fenced},
	} {
		if got := KindOf(c.err); got != c.want {
			t.Errorf("KindOf(%v) = %v, want %v", c.err, got, c.want)
		}
	}
	if !errors.Is(New(Fenced, "%w", io.EOF), io.EOF) {
		t.Error("New does not wrap")
	}
	if E(Invalid, "op", "on", nil) != nil {
		t.Error("an error was made of none")
	}
}

func TestTextLeavesOutWhatIsEmpty(t *testing.T) {
	for want, err := range map[string]error{
		"put k: boom":    E(Conflict, "put", "k", errors.New("boom")),
		"put: boom":      E(Conflict, "put", "", errors.New("boom")),
		"boom":           E(Conflict, "", "", errors.New("boom")),
		"put k: fenced":  &Error{Kind: Fenced, Op: "put", On: "k"},
		"unavailable":    &Error{Kind: Unavailable},
		"kind-200: boom": errors.New(Kind(200).String() + ": boom"),
	} {
		if err.Error() != want {
			t.Errorf("%q, want %q", err.Error(), want)
		}
	}
}

// Each hop takes a status for an error, says what it was at, and sends it on: the kind stays, and the text begins with the
// last hop and ends with the first cause.
func TestKindsSurviveManyHops(t *testing.T) {
	for k := Invalid; k <= Canceled; k++ {
		err := E(k, "map", "", errors.New("the first cause"))
		for _, hop := range []string{"plugin", "worker", "coordinator", "client"} {
			err = E(Other, hop, "", FromStatus(ToStatus(err)))
		}
		if want := "client: coordinator: worker: plugin: map: the first cause"; KindOf(err) != k || err.Error() != want {
			t.Errorf("%v came as %v: %v", k, KindOf(err), err)
		}
	}
}

// A kind given to a status that has not been taken apart is the one that counts; without one the status is kept.
func TestKindsOfWrappedStatuses(t *testing.T) {
	inner := status.Error(codes.Unavailable, "connection refused")
	for k := Invalid; k <= Canceled; k++ {
		if back := FromStatus(ToStatus(E(k, "attach", "", inner))); KindOf(back) != k {
			t.Errorf("%v came back as %v: %v", k, KindOf(back), back)
		}
	}
	if back := FromStatus(ToStatus(fmt.Errorf("attach: %w", inner))); KindOf(back) != Unavailable {
		t.Errorf("a status that was only wrapped is %v: %v", KindOf(back), back)
	}
}
