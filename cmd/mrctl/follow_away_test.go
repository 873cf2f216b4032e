package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
)

// gone is a store that cannot be reached.
type gone struct{ storage.Store }

func (gone) Get(context.Context, string) ([]byte, storage.Info, error) {
	return nil, storage.Info{}, errs.New(errs.Unavailable, "the store does not answer")
}

// TestWatchingEndsWhenTheStoreIsGone: neither a leader nor the store is there to say how the job stands.
func TestWatchingEndsWhenTheStoreIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		began := time.Now()
		_, err := (&cluster{uri: "s3://gone", store: gone{}}).watch(ctx, "2e832da8-ca93-858a-931f-c2785ab0b496", false, func(*controlv1.JobStatus, []*controlv1.Event) {})
		if took := time.Since(began); took > patience+time.Minute || !errs.Is(err, errs.Unavailable) {
			t.Errorf("it ended after %v with %v", took, err)
		}
	})
}
