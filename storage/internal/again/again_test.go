package again_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/internal/again"
)

var errLost = errs.New(errs.Unavailable, "connection lost")

func TestReaderGoesOnWhereItWasCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		whole := make([]byte, 100_000)
		for i := range whole {
			whole[i] = byte(i * 7)
		}
		rng := rand.New(rand.NewPCG(1, 2))
		open := func(off, n int64) (io.ReadCloser, error) {
			switch rng.IntN(3) {
			case 0:
				return nil, errLost
			case 1: // ends early, without an error
				return io.NopCloser(bytes.NewReader(whole[off : off+rng.Int64N(n+1)])), nil
			default:
				cut := io.LimitReader(bytes.NewReader(whole[off:off+n]), rng.Int64N(20_000))
				return io.NopCloser(io.MultiReader(cut, iotest.ErrReader(errors.New("reset by peer")))), nil
			}
		}
		const off = 123
		r := again.NewReader(t.Context(), io.NopCloser(bytes.NewReader(nil)), off, 90_000, 20, open)
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, whole[off:off+90_000]) {
			t.Fatalf("read %d bytes, %v", len(got), err)
		}
	})
}

func TestReaderGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			err   error
			opens int
		}{{errLost, 4}, {errors.New("reset"), 4}, {storage.Fail("open", "k", storage.ErrPrecondition), 1}} {
			opens := 0
			r := again.NewReader(t.Context(), io.NopCloser(bytes.NewReader([]byte("ab"))), 0, 10, 5, func(off, n int64) (io.ReadCloser, error) {
				if opens++; off != 2 || n != 8 {
					t.Errorf("opened at %d for %d bytes", off, n)
				}
				return nil, c.err
			})
			if got, err := io.ReadAll(r); string(got) != "ab" || !errors.Is(err, c.err) || opens != c.opens {
				t.Errorf("after %v: read %q, %v with %d more opens, want %d", c.err, got, err, opens, c.opens)
			}
		}
	})
}

func TestDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			err   error
			calls int
		}{{nil, 1}, {errLost, 4}, {storage.Unknown(errors.New("x")), 4}, {storage.ErrPrecondition, 1}, {errors.New("x"), 1}} {
			calls := 0
			err := again.Do(t.Context(), 4, func() error { calls++; return c.err })
			if err != c.err || calls != c.calls {
				t.Errorf("Do gave %v after %d calls, want %v after %d", err, calls, c.err, c.calls)
			}
		}
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if err := again.Do(ctx, 1_000_000, func() error { return errLost }); !errors.Is(err, errLost) || ctx.Err() == nil {
			t.Errorf("Do until the context ends gave %v", err)
		}
	})
}
