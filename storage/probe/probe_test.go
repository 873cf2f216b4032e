package probe_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/s3server"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/faulty"
	"github.com/mrctl/mrctl/storage/local"
	"github.com/mrctl/mrctl/storage/mem"
	"github.com/mrctl/mrctl/storage/metered"
	"github.com/mrctl/mrctl/storage/probe"
	"github.com/mrctl/mrctl/storage/s3"
)

func TestGoodStores(t *testing.T) {
	server := s3server.ForTest(t, s3server.VersityGW)
	bucket, err := s3.New(s3server.Bucket, "probe/me", s3.Options{Endpoint: server.Endpoint, Credentials: s3.Credentials{AccessKey: server.AccessKey, SecretKey: server.SecretKey}})
	if err != nil {
		t.Fatal(err)
	}
	folder, err := local.New(t.TempDir(), local.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]storage.Store{"mem": mem.New(), "local": folder, "s3": bucket} {
		if err := probe.Check(t.Context(), s); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for info, err := range s.List(t.Context(), "", "") {
			t.Errorf("%s: the probe left %s behind (%v)", name, info.Key, err)
		}
	}
}

// blind is a store that ignores some conditions, as some servers do.
type blind struct {
	storage.Store
	create, stale, missing, publish, visible bool
}

func (b *blind) PutIf(ctx context.Context, key string, body []byte, want storage.Version) (storage.Version, error) {
	info, err := b.Store.Stat(ctx, key)
	there := err == nil
	switch {
	case want == "" && there && b.create, want != "" && there && b.stale:
		want = info.Version
	case want != "" && !there && b.missing:
		want = ""
	}
	return b.Store.PutIf(ctx, key, body, want)
}

func (b *blind) Publish(ctx context.Context, t storage.Token) (storage.Info, error) {
	info, err := b.Store.Publish(ctx, t)
	if b.publish && errors.Is(err, storage.ErrPrecondition) {
		err = nil
	}
	return info, err
}

func (b *blind) Create(ctx context.Context, key string, meta map[string]string) (storage.Writer, error) {
	if b.visible {
		if _, err := b.Store.PutIf(ctx, key, nil, ""); err != nil && !errors.Is(err, storage.ErrPrecondition) {
			return nil, err
		}
	}
	return b.Store.Create(ctx, key, meta)
}

func TestBadStores(t *testing.T) {
	for sentence, s := range map[string]*blind{
		"creating a key that exists":                 {create: true},
		"replacing a version that is gone":           {stale: true},
		"replacing a version of a key that does not": {missing: true},
		"publishing onto a key that exists":          {publish: true},
		"a staged stream must not show":              {visible: true},
	} {
		s.Store = mem.New()
		err := probe.Check(t.Context(), s)
		if !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), sentence) {
			t.Errorf("want a word about %q, got %v", sentence, err)
		}
	}
}

func TestUnreachableIsNoVerdict(t *testing.T) {
	plan := faulty.Random(1, faulty.Rates{Refuse: 1})
	if err := probe.Check(t.Context(), faulty.New(mem.New(), plan)); !errs.Is(err, errs.Unavailable) {
		t.Errorf("a store that is down: %v", err)
	}
	again := faulty.Script(faulty.Rule{Op: faulty.PutIf, Nth: 2, Fault: faulty.Fault{Kind: faulty.LoseReply}})
	if err := probe.Check(t.Context(), faulty.New(mem.New(), again)); !errs.Is(err, errs.Unavailable) {
		t.Errorf("a lost reply: %v", err)
	}
}

func TestProbeIsCheap(t *testing.T) {
	s := metered.New(mem.New())
	if err := probe.Check(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	calls := uint64(0)
	for _, st := range s.Snapshot() {
		calls += st.Calls
	}
	if calls > 24 {
		t.Errorf("the probe took %d calls", calls)
	}
}
