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

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/retry"
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
		open := func(_ context.Context, off, n int64) (io.ReadCloser, error) {
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
		r := again.NewReader(t.Context(), io.NopCloser(bytes.NewReader(nil)), off, 90_000, retry.Policy{Tries: 20}, open)
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
			r := again.NewReader(t.Context(), io.NopCloser(bytes.NewReader([]byte("ab"))), 0, 10, retry.Policy{Tries: 5}, func(_ context.Context, off, n int64) (io.ReadCloser, error) {
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

func TestWorth(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{{errLost, true}, {storage.Unknown(errors.New("x")), true}, {storage.ErrPrecondition, false}, {storage.ErrNotExist, false}, {errors.New("x"), false}} {
		if got := again.Worth(c.err); got != c.want {
			t.Errorf("Worth(%v) = %v", c.err, got)
		}
	}
}

// Whoever opened the body may have been repeated by his caller; reading on is the reader's own business.
func TestReaderGoesOnForACallerWhoRepeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := again.NewReader(retry.Once(t.Context()), io.NopCloser(bytes.NewReader([]byte("ab"))), 0, 4, retry.Policy{Tries: 3}, func(context.Context, int64, int64) (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader([]byte("cd"))), nil
		})
		if got, err := io.ReadAll(r); string(got) != "abcd" || err != nil {
			t.Errorf("read %q, %v", got, err)
		}
	})
}
