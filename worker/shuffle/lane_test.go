package shuffle

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	shufflev1 "github.com/mrctl/mrctl/api/shuffle/v1"
	"github.com/mrctl/mrctl/internal/errs"
)

type frames = []*shufflev1.FetchResponse

// throughPipes makes a client whose only producer is reached over the pipes, in their order.
func throughPipes(cfg Config, pipes ...*pipe) *Client {
	cfg.Worker, cfg.Lookup = "reader", func(string, uint32, uint32, uint32) (string, bool) { return "", false }
	cfg.Routes = func(string) (all []Route, _ error) {
		for _, p := range pipes {
			all = append(all, p)
		}
		return all, nil
	}
	return NewClient(cfg)
}

// in runs a test on a clock of its own.
func in(t *testing.T, f func(t *testing.T)) { t.Helper(); synctest.Test(t, f) }

func TestAStalledStreamGoesOnElsewhere(t *testing.T) {
	w := holder(t, 1, 1, 1_500_000)
	size := len(w.bytesOf(t, 0, 0))
	in(t, func(t *testing.T) {
		bad, good := &pipe{w: w, fault: stallAfter(3)}, &pipe{w: w}
		began := time.Now()
		q := request(t, 0, 1<<30, w)
		got, err := throughPipes(Config{Stall: 10 * time.Second}, bad, good).Fetch(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		same(t, got, q, w)
		if took := time.Since(began); took > 12*time.Second {
			t.Errorf("it took %v", took)
		}
		if bad.sent+good.sent != size || bad.sent == 0 {
			t.Errorf("%d and %d bytes came of %d: the second stream did not go on where the first had come to", bad.sent, good.sent, size)
		}
		if skip := good.opened()[0].Runs[0].Skip; skip != uint64(bad.sent) {
			t.Errorf("resumed at %d, not %d", skip, bad.sent)
		}
	})
}

func TestTriesAreBounded(t *testing.T) {
	w := holder(t, 1, 1, 1_500_000)
	for name, fault := range map[string]func(context.Context, int, *shufflev1.FetchResponse) (frames, error){
		"brings nothing": stallAfter(0),
		"breaks at once": func(context.Context, int, *shufflev1.FetchResponse) (frames, error) {
			return nil, errs.ToStatus(errs.New(errs.Unavailable, "broken"))
		},
		"is out of order": func(_ context.Context, _ int, m *shufflev1.FetchResponse) (frames, error) {
			m.At++
			return frames{m}, nil
		},
		"ends too early": func(_ context.Context, _ int, m *shufflev1.FetchResponse) (frames, error) {
			m.Body, m.End = nil, true
			return frames{m}, nil
		},
		"is of another run": func(_ context.Context, _ int, m *shufflev1.FetchResponse) (frames, error) {
			m.Run = 7
			return frames{m}, nil
		},
		"changes its length": func(ctx context.Context, n int, m *shufflev1.FetchResponse) (frames, error) {
			if m.RangeLength += m.At; n == 1 {
				return nil, errs.ToStatus(errs.New(errs.Unavailable, "broken"))
			}
			return frames{m}, nil
		},
		"damages a byte": func(_ context.Context, _ int, m *shufflev1.FetchResponse) (frames, error) {
			m.Body[len(m.Body)/2] ^= 1
			return frames{m}, nil
		},
	} {
		in(t, func(t *testing.T) {
			p := &pipe{w: w, fault: fault}
			q := request(t, 0, 1<<30, w)
			_, err := throughPipes(Config{Stall: 10 * time.Second, Tries: 4}, p).Fetch(t.Context(), q)
			if got := missing(t, err); len(got) != 1 {
				t.Errorf("%s: %v", name, err)
			}
			if n := len(p.opened()); n < 2 || n > 4 {
				t.Errorf("%s: %d tries", name, n)
			}
			if q.Memory.Used() != 0 {
				t.Errorf("%s: %d bytes not given back", name, q.Memory.Used())
			}
		})
	}
}

func TestPassingFaults(t *testing.T) {
	w := holder(t, 1, 1, 1_500_000)
	once := func(fault func(m *shufflev1.FetchResponse) (frames, error)) func(context.Context, int, *shufflev1.FetchResponse) (frames, error) {
		done := false
		return func(_ context.Context, n int, m *shufflev1.FetchResponse) (frames, error) {
			if n == 2 && !done {
				done = true
				return fault(m)
			}
			return frames{m}, nil
		}
	}
	for name, fault := range map[string]func(m *shufflev1.FetchResponse) (frames, error){
		"cut":    func(*shufflev1.FetchResponse) (frames, error) { return nil, errors.New("cut") },
		"gap":    func(*shufflev1.FetchResponse) (frames, error) { return nil, nil },
		"twice":  func(m *shufflev1.FetchResponse) (frames, error) { return frames{m, m}, nil },
		"flip":   func(m *shufflev1.FetchResponse) (frames, error) { m.Body[7] ^= 1; return frames{m}, nil },
		"longer": func(m *shufflev1.FetchResponse) (frames, error) { m.Body = append(m.Body, 0); return frames{m}, nil },
		"other":  func(m *shufflev1.FetchResponse) (frames, error) { m.RangeLength = 5; return frames{m}, nil },
	} {
		for _, memory := range []int64{1, 1 << 30} {
			in(t, func(t *testing.T) {
				p := &pipe{w: w, fault: once(fault)}
				q := request(t, 0, memory, w)
				got, err := throughPipes(Config{}, p).Fetch(t.Context(), q)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				same(t, got, q, w)
				// A byte too many is noticed at the next frame, and for what it is at the end of its block.
				if n := len(p.opened()); n != 2 && (n != 3 || name != "longer") {
					t.Errorf("%s: %d tries", name, n)
				}
			})
		}
	}
}

// A run that is damaged at its producer is missing; those after it still come.
func TestDamageAtTheProducer(t *testing.T) {
	w := holder(t, 6, 1, 300_000)
	damage(t, w.paths[2], func(b []byte) { b[len(b)/2] ^= 1 })
	in(t, func(t *testing.T) {
		_, err := throughPipes(Config{}, &pipe{w: w}).Fetch(t.Context(), request(t, 0, 1<<30, w))
		if got := missing(t, err); len(got) != 1 || got[0] != 2 {
			t.Error(err)
		}
	})
}

// The bytes of another partition are not taken for those asked for.
func TestAWrongRange(t *testing.T) {
	w := holder(t, 1, 3, 2000)
	in(t, func(t *testing.T) {
		for asked := range uint32(2) {
			p := &pipe{w: w}
			other := routeFunc(func(ctx context.Context, req *shufflev1.FetchRequest) (Frames, error) {
				req.Partition = 2
				return p.Open(ctx, req)
			})
			c := throughPipes(Config{Tries: 3})
			c.cfg.Routes = func(string) ([]Route, error) { return []Route{other}, nil }
			if got := missing(t, second(c.Fetch(t.Context(), request(t, asked, 1<<30, w)))); len(got) != 1 {
				t.Errorf("partition %d: %v", asked, got)
			}
		}
	})
}

type routeFunc func(context.Context, *shufflev1.FetchRequest) (Frames, error)

func (f routeFunc) Open(ctx context.Context, req *shufflev1.FetchRequest) (Frames, error) {
	return f(ctx, req)
}

func second[A any](_ A, err error) error { return err }

// crawl is a fault that lets a frame through every so often.
func crawl(every time.Duration) func(context.Context, int, *shufflev1.FetchResponse) (frames, error) {
	return func(ctx context.Context, _ int, m *shufflev1.FetchResponse) (frames, error) {
		wait(ctx, every)
		return frames{m}, nil
	}
}

// TestAStreamFarSlowerThanItsPeers: of the two lanes of a source the slow one goes on over the other route.
func TestAStreamFarSlowerThanItsPeers(t *testing.T) {
	w := holder(t, 2, 1, 5_000_000) // 20 frames
	in(t, func(t *testing.T) {
		slow, fast := &pipe{w: w, fault: crawl(4 * time.Second)}, &pipe{w: w, fault: crawl(50 * time.Millisecond)}
		began := time.Now()
		q := request(t, 0, 1<<30, w)
		got, err := throughPipes(Config{Stall: 10 * time.Second}, slow, fast).Fetch(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		same(t, got, q, w)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("it took %v", took)
		}
		if a, b := len(slow.opened()), len(fast.opened()); a != 1 || b != 2 {
			t.Errorf("%d streams over the slow route, %d over the fast one", a, b)
		}
	})
}

// Streams that are all as slow are left alone, and so is one that found no faster route.
func TestSlowIsNotBroken(t *testing.T) {
	w := holder(t, 2, 1, 5_000_000)
	for _, c := range []struct {
		a, b    time.Duration // for a frame, of either task
		streams int
	}{{4 * time.Second, 5 * time.Second, 2}, {50 * time.Millisecond, 200 * time.Millisecond, 2}, {10 * time.Millisecond, 6 * time.Second, 2 + maxSlow}} {
		in(t, func(t *testing.T) {
			a, b := &pipe{w: w, fault: crawl(c.a)}, &pipe{w: w, fault: crawl(c.b)}
			byTask := routeFunc(func(ctx context.Context, req *shufflev1.FetchRequest) (Frames, error) {
				return []*pipe{a, b}[req.Runs[0].Task].Open(ctx, req)
			})
			client := throughPipes(Config{Stall: 10 * time.Second})
			client.cfg.Routes = func(string) ([]Route, error) { return []Route{byTask}, nil }
			q := request(t, 0, 1<<30, w)
			got, err := client.Fetch(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			same(t, got, q, w)
			if n := len(a.opened()) + len(b.opened()); n != c.streams {
				t.Errorf("a frame in %v and %v: %d streams, want %d", c.a, c.b, n, c.streams)
			}
		})
	}
}

// The reader's own slowness is nobody's fault.
func TestASlowReaderKeepsItsStream(t *testing.T) {
	w := holder(t, 1, 1, 1_500_000)
	in(t, func(t *testing.T) {
		p := &pipe{w: w}
		q := request(t, 0, 1<<30, w)
		q.Progress = func(int64) { wait(t.Context(), 15*time.Second) }
		got, err := throughPipes(Config{Stall: 10 * time.Second}, p).Fetch(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		same(t, got, q, w)
		if n := len(p.opened()); n != 1 {
			t.Errorf("%d streams", n)
		}
	})
}
