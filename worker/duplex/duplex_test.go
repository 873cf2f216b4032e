package duplex

import (
	"context"
	"errors"
	"io"
	"testing"

	"go.uber.org/goleak"

	"github.com/mrctl/mrctl/internal/errs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWhichErrorIsTold(t *testing.T) {
	user := errs.New(errs.UserCode, "user")
	input := errs.New(errs.Unavailable, "input")
	gives := func(err error) func(context.Context) error { return func(context.Context) error { return err } }
	stopped := func(ctx context.Context) error { <-ctx.Done(); return context.Canceled }
	cases := map[string]struct {
		send, recv func(context.Context) error
		want       error
		kind       errs.Kind
	}{
		"all well":                       {gives(nil), gives(nil), nil, errs.Other},
		"recv fails, send is stopped":    {stopped, gives(user), user, errs.UserCode},
		"send fails, recv is stopped":    {gives(input), stopped, input, errs.Unavailable},
		"send sees the end, recv says":   {gives(io.EOF), gives(user), user, errs.UserCode},
		"the plugin leaves early":        {gives(io.EOF), gives(nil), nil, errs.UserCode},
		"both fail":                      {gives(input), gives(user), user, errs.UserCode},
		"send fails after the good end":  {gives(input), gives(nil), input, errs.Unavailable},
		"recv is cancelled by something": {gives(nil), gives(context.Canceled), context.Canceled, errs.Canceled},
	}
	for name, c := range cases {
		ctx, cancel := context.WithCancelCause(t.Context())
		err := Run(ctx, cancel, func() error { return c.send(ctx) }, func() error { return c.recv(ctx) })
		cancel(nil)
		if c.want != nil && !errors.Is(err, c.want) || errs.KindOf(err) != c.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCause(t *testing.T) {
	why := errors.New("drained")
	outer, stop := context.WithCancelCause(t.Context())
	ctx, cancel := context.WithCancelCause(outer)
	defer cancel(nil)
	wait := func() error { stop(why); <-ctx.Done(); return ctx.Err() }
	if err := Run(ctx, cancel, wait, wait); !errors.Is(err, why) {
		t.Fatal(err)
	}
}
