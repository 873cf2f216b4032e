package output

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/s3server"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/local"
	"github.com/mrctl/mrctl/storage/mem"
	"github.com/mrctl/mrctl/storage/s3"
	"github.com/mrctl/mrctl/storage/storagetest/crash"
)

// running and ended are what other jobs are.
func running(context.Context, string) (bool, error) { return false, nil }
func ended(context.Context, string) (bool, error)   { return true, nil }

// stage stages n parts.
func stage(t *testing.T, store storage.Store, n int) []Staged {
	t.Helper()
	var parts []Staged
	for i := range n {
		key := PartName(i, TSV)
		w, err := store.Create(t.Context(), key, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprintf(w, "row of part %d\n", i); err != nil {
			t.Fatal(err)
		}
		token, err := w.Stage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, Staged{Key: key, Token: token, Rows: 1, Bytes: int64(14 + i/10)})
	}
	return parts
}

func manifest(job string, parts []Staged) Manifest {
	m := Manifest{Job: job, Name: "wc"}
	for i, p := range parts {
		m.Parts = append(m.Parts, ManifestPart{Key: p.Key, Rows: p.Rows, Bytes: p.Bytes, CRC: p.CRC, Task: i})
	}
	return m
}

func keys(t *testing.T, store storage.Store) []string {
	t.Helper()
	var out []string
	for info, err := range store.List(t.Context(), "", "") {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, info.Key)
	}
	return out
}

// each runs a test of the protocol on every store there is. open gives an empty output.
func each(t *testing.T, test func(t *testing.T, open func() storage.Store)) {
	t.Run("mem", func(t *testing.T) {
		test(t, func() storage.Store { return mem.New() })
	})
	t.Run("local", func(t *testing.T) {
		test(t, func() storage.Store {
			s, err := local.New(t.TempDir(), local.Options{NoSync: true})
			if err != nil {
				t.Fatal(err)
			}
			return s
		})
	})
	t.Run("s3", func(t *testing.T) {
		server := s3server.ForTest(t, s3server.VersityGW)
		n := 0
		test(t, func() storage.Store {
			n++
			s, err := s3.New(s3server.Bucket, fmt.Sprintf("out-%d", n), s3.Options{
				Endpoint:    server.Endpoint,
				Credentials: s3.Credentials{AccessKey: server.AccessKey, SecretKey: server.SecretKey},
			})
			if err != nil {
				t.Fatal(err)
			}
			return s
		})
	})
}

// leader is the part a leader plays for a job that succeeds. It goes on from where an earlier one came to.
type leader struct {
	store     storage.Store
	committed *bool // the job's record says that it is committing
	parts     []Staged
}

func (l leader) run(ctx context.Context) error {
	if !*l.committed {
		if err := Claim(ctx, l.store, "job", running); err != nil {
			return err
		}
		if err := Empty(ctx, l.store, "out"); err != nil {
			return err
		}
		*l.committed = true
	}
	if err := Publish(ctx, l.store, l.parts); err != nil {
		return err
	}
	return Succeed(ctx, l.store, manifest("job", l.parts))
}

func TestCommitCrash(t *testing.T) {
	const n = 5
	each(t, func(t *testing.T, open func() storage.Store) {
		for _, how := range []crash.How{crash.Before, crash.After, crash.Unknown} {
			for at := 1; ; at++ {
				store := open()
				parts := stage(t, store, n)
				committed := false
				dying := crash.New(store, at, how)
				err1 := leader{dying, &committed, parts}.run(t.Context())
				if how == crash.Unknown && err1 != nil {
					t.Errorf("a lost answer to call %d: %v", at, err1)
				}
				if slices.Contains(keys(t, store), SuccessKey) && len(keys(t, store)) != n+2 {
					t.Fatalf("success before the parts: %v", keys(t, store))
				}
				for range 2 { // and a third leader
					if err := (leader{store, &committed, parts}).run(t.Context()); err != nil {
						t.Fatalf("after death %d at call %d (%v): %v", how, at, err1, err)
					}
				}
				m, err := ReadManifest(t.Context(), store)
				if err != nil || len(m.Parts) != n || m.Job != "job" || len(keys(t, store)) != n+2 {
					t.Fatalf("%+v, %v, %v", m, err, keys(t, store))
				}
				if !dying.Hit() {
					break
				}
			}
		}
	})
}

// Two leaders, one of them deposed and not yet aware of it, do the same work at once.
func TestCommitTogether(t *testing.T) {
	each(t, func(t *testing.T, open func() storage.Store) {
		for range 4 {
			store := open()
			parts := stage(t, store, 40)
			var wg sync.WaitGroup
			failed := make([]error, 2)
			for i := range failed {
				committed := true
				wg.Go(func() { failed[i] = leader{store, &committed, parts}.run(t.Context()) })
			}
			wg.Wait()
			if err := errors.Join(failed...); err != nil || len(keys(t, store)) != 41 {
				t.Fatalf("%v, %v", err, keys(t, store))
			}
		}
	})
}

// giveUp is the part a leader plays for a job that failed.
func giveUp(ctx context.Context, store storage.Store, parts []Staged) error {
	return errors.Join(Discard(ctx, store, parts), Release(ctx, store, "job"))
}

func TestGiveUpCrash(t *testing.T) {
	each(t, func(t *testing.T, open func() storage.Store) {
		for _, how := range []crash.How{crash.Before, crash.After, crash.Unknown} {
			for at := 1; ; at++ {
				store := open()
				parts := stage(t, store, 3)
				if err := Claim(t.Context(), store, "job", running); err != nil {
					t.Fatal(err)
				}
				dying := crash.New(store, at, how)
				if err := giveUp(t.Context(), dying, parts); how == crash.Unknown && err != nil {
					t.Errorf("a lost answer to call %d: %v", at, err)
				}
				if err := giveUp(t.Context(), store, parts); err != nil {
					t.Fatal(err)
				}
				var lost *LostError
				if err := Publish(t.Context(), store, parts); !errors.As(err, &lost) || len(lost.Keys) != 3 {
					t.Fatalf("discarded parts came back: %v", err)
				}
				if err := Claim(t.Context(), store, "next", running); err != nil {
					t.Errorf("the next job: %v", err)
				}
				if err := Empty(t.Context(), store, "out"); err != nil {
					t.Errorf("%v", err)
				}
				// The first leader wakes up late: the claim is not its any more.
				if err := giveUp(t.Context(), store, parts); err != nil {
					t.Fatal(err)
				}
				if err := Claim(t.Context(), store, "third", running); !errs.Is(err, errs.Conflict) || !strings.Contains(err.Error(), "next") {
					t.Errorf("a late release took away another's claim: %v", err)
				}
				if !dying.Hit() {
					break
				}
			}
		}
	})
}

func TestClaim(t *testing.T) {
	ctx := t.Context()
	store := mem.New()
	if err := Release(ctx, store, "a"); err != nil || len(keys(t, store)) != 0 {
		t.Errorf("release of nothing: %v", err)
	}
	for _, step := range []struct {
		job  string
		over func(context.Context, string) (bool, error)
		want errs.Kind
	}{
		{"a", running, 0},
		{"a", running, 0}, // again, by a later leader
		{"b", running, errs.Conflict},
		{"b", func(context.Context, string) (bool, error) { return false, errors.New("not of this cluster") }, errs.Conflict},
		{"b", func(context.Context, string) (bool, error) { return false, errs.New(errs.Unavailable, "no answer") }, errs.Unavailable},
		{"b", ended, 0},
		{"a", running, errs.Conflict},
	} {
		if err := Claim(ctx, store, step.job, step.over); errs.KindOf(err) != step.want {
			t.Errorf("%s: %v", step.job, err)
		}
	}
	for body, want := range map[string]errs.Kind{"not ours": errs.Corrupt, `{"v":2}`: errs.Invalid} {
		store := mem.New()
		if _, err := store.PutIf(ctx, ClaimKey, []byte(body), ""); err != nil {
			t.Fatal(err)
		}
		if err := Claim(ctx, store, "a", running); !errs.Is(err, want) {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// Of many jobs that want one output, one gets it.
func TestClaimRace(t *testing.T) {
	each(t, func(t *testing.T, open func() storage.Store) {
		store := open()
		var wg sync.WaitGroup
		failed := make([]error, 8)
		for i := range failed {
			wg.Go(func() { failed[i] = Claim(t.Context(), store, fmt.Sprint(i), running) })
		}
		wg.Wait()
		won := 0
		for _, err := range failed {
			if err == nil {
				won++
			} else if !errs.Is(err, errs.Conflict) {
				t.Errorf("%v", err)
			}
		}
		if won != 1 {
			t.Errorf("%d jobs have the output", won)
		}
	})
}

func TestEmpty(t *testing.T) {
	store := mem.New()
	for i, key := range []string{ClaimKey, "dir/part", "a", "b", "c"} {
		if _, err := store.PutIf(t.Context(), key, nil, ""); err != nil {
			t.Fatal(err)
		}
		err := Empty(t.Context(), store, "s3://b/out")
		if i == 0 {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		if !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "s3://b/out") || !strings.Contains(err.Error(), "remove") {
			t.Errorf("%v", err)
		}
		if got, want := strings.Contains(err.Error(), "dir/part"), i < 4; got != want {
			t.Errorf("%v", err)
		}
		if got, want := strings.Contains(err.Error(), "and more"), i == 4; got != want {
			t.Errorf("%v", err)
		}
	}
}

func TestPublishLost(t *testing.T) {
	each(t, func(t *testing.T, open func() storage.Store) {
		store := open()
		parts := stage(t, store, 30)
		if err := Discard(t.Context(), store, []Staged{parts[20], parts[7]}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			var lost *LostError
			err := Publish(t.Context(), store, parts)
			if !errors.As(err, &lost) || !slices.Equal(lost.Keys, []string{"part-00007.tsv", "part-00020.tsv"}) {
				t.Errorf("%v", err)
			}
			if n := len(keys(t, store)); n != 28 {
				t.Errorf("%d parts are visible", n)
			}
		}
		again := stage(t, store, 1)
		if err := Publish(t.Context(), store, again); !errs.Is(err, errs.Conflict) || !strings.Contains(err.Error(), again[0].Key) {
			t.Errorf("another's part: %v", err)
		}
		if err := Discard(t.Context(), store, append(parts, again...)); err != nil {
			t.Error(err)
		}
		if n := len(keys(t, store)); n != 28 {
			t.Errorf("discarding took visible parts away, %d are left", n)
		}
	})
}

func TestSucceed(t *testing.T) {
	ctx := t.Context()
	store := mem.New()
	if _, err := ReadManifest(ctx, store); !errs.Is(err, errs.NotFound) {
		t.Errorf("before success: %v", err)
	}
	m := manifest("job", []Staged{{Key: "part-00000.tsv", Rows: 1, Bytes: 2, CRC: 3}})
	for range 2 {
		if err := Succeed(ctx, store, m); err != nil {
			t.Fatal(err)
		}
	}
	m.Parts[0].Rows++
	if err := Succeed(ctx, store, m); !errs.Is(err, errs.Conflict) || !strings.Contains(err.Error(), "by job job") {
		t.Errorf("another result: %v", err)
	}
	store = mem.New()
	if _, err := store.PutIf(ctx, SuccessKey, nil, ""); err != nil {
		t.Fatal(err)
	}
	if err := Succeed(ctx, store, m); !errs.Is(err, errs.Conflict) {
		t.Errorf("another program's: %v", err)
	}
}

// A result of very many parts has a manifest larger than a record.
func TestSucceedLarge(t *testing.T) {
	store := mem.New()
	parts := make([]Staged, 120_000)
	for i := range parts {
		parts[i] = Staged{Key: PartName(i, TSV), Rows: 1e6, Bytes: 1e9}
	}
	for range 2 {
		if err := Succeed(t.Context(), store, manifest("job", parts)); err != nil {
			t.Fatal(err)
		}
	}
	m, err := ReadManifest(t.Context(), store)
	if err != nil || len(m.Parts) != len(parts) {
		t.Errorf("%d parts, %v", len(m.Parts), err)
	}
}
