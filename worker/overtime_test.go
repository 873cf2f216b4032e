package worker

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/worker/reduceside"
)

// TestKeepTime: an attempt ends when its time is up, and a reduce's begins when it has all its runs.
func TestKeepTime(t *testing.T) {
	for name, c := range map[string]struct {
		id   *sessionv1.AttemptID
		maps uint32
		over bool
		says string
	}{
		"map":                     {mapID("j", 0, 0), 0, true, "--split-size"},
		"reduce":                  {reduceID("j", 0, 0), 0, true, "--partitions"},
		"reduce that still waits": {reduceID("j", 0, 0), 2, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				at := &attempt{id: c.id, order: &sessionv1.Start{Maps: c.maps}, sources: reduceside.NewSources(int(c.maps))}
				began := time.Now()
				ctx, end := at.keepTime(t.Context(), time.Minute)
				defer end()
				select {
				case <-ctx.Done():
				case <-time.After(time.Hour):
				}
				if over := ctx.Err() != nil; over != c.over {
					t.Fatalf("over: %v", over)
				}
				if !c.over {
					return
				}
				if took := time.Since(began).Round(time.Second); took != time.Minute {
					t.Errorf("over after %v", took)
				}
				r := &sessionv1.Report{Id: c.id}
				classify(ctx, r, errs.New(errs.Canceled, "ended"))
				if r.Outcome != sessionv1.Report_OUTCOME_FAILED || errs.Kind(r.ErrorKind) != errs.UserCode ||
					!strings.Contains(r.Error, "--attempt-timeout") || !strings.Contains(r.Error, c.says) {
					t.Errorf("%v", r)
				}
			})
		})
	}
	at := &attempt{id: mapID("j", 0, 0)}
	if ctx, end := at.keepTime(t.Context(), 0); ctx != t.Context() {
		end()
		t.Error("an attempt without a limit is watched")
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	ctx, end := at.keepTime(ctx, time.Hour)
	cancel(errStopped)
	end()
	if !errors.Is(context.Cause(ctx), errStopped) {
		t.Error(context.Cause(ctx))
	}
}
