package shm

import (
	"context"
	"testing"
	"testing/synctest"

	"golang.org/x/sys/unix"

	"github.com/mrctl/mrctl/internal/errs"
)

func region(t *testing.T, segments, size int) *Region {
	t.Helper()
	r, err := New(segments, size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func TestBothSidesSeeTheSameBytes(t *testing.T) {
	ours := region(t, 4, 4096)
	fd, err := unix.Dup(int(ours.File().Fd()))
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := Attach(uintptr(fd), 4, 4096)
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	copy(ours.Segment(2), "down")
	got, err := theirs.Slice(2, 0, 4)
	if err != nil || string(got) != "down" {
		t.Fatalf("%q, %v", got, err)
	}
	copy(got, "back")
	if string(ours.Segment(2)[:4]) != "back" {
		t.Fatalf("%q", ours.Segment(2)[:4])
	}
}

func TestThePluginCannotShrinkTheFile(t *testing.T) {
	r := region(t, 2, 4096)
	if err := unix.Ftruncate(int(r.File().Fd()), 0); err == nil {
		t.Fatal("truncated: reading it would be SIGBUS now")
	}
}

func TestPlacesOutsideASegmentAreRefused(t *testing.T) {
	r := region(t, 2, 4096)
	for _, p := range []struct {
		segment     uint32
		off, length uint64
	}{{2, 0, 0}, {0, 4097, 0}, {0, 0, 4097}, {1, 4096, 1}, {0, ^uint64(0), 1}, {0, 1, ^uint64(0)}, {^uint32(0), 0, 1}} {
		if b, err := r.Slice(p.segment, p.off, p.length); !errs.Is(err, errs.Corrupt) {
			t.Errorf("%+v gave %d bytes, %v", p, len(b), err)
		}
	}
	if b, err := r.Slice(1, 4096, 0); err != nil || len(b) != 0 {
		t.Errorf("the empty place at the end: %v", err)
	}
	if b := r.Segment(0); cap(b) != 4096 {
		t.Errorf("a segment can be grown into its neighbour: cap %d", cap(b))
	}
}

func TestAttachChecksTheSize(t *testing.T) {
	r := region(t, 2, 4096)
	fd, err := unix.Dup(int(r.File().Fd()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Attach(uintptr(fd), 3, 4096); !errs.Is(err, errs.Invalid) {
		t.Fatal(err)
	}
}

func TestPoolGivesEachSegmentToOneOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPool([]uint32{7})
		ctx, cancel := context.WithCancel(t.Context())
		id, err := p.Get(ctx)
		if err != nil || id != 7 {
			t.Fatal(id, err)
		}
		waited := make(chan error)
		go func() { _, err := p.Get(ctx); waited <- err }()
		synctest.Wait()
		select {
		case <-waited:
			t.Fatal("handed out twice")
		default:
		}
		if err := p.Put(7); err != nil {
			t.Fatal(err)
		}
		if err := <-waited; err != nil {
			t.Fatal(err)
		}
		go func() { _, err := p.Get(ctx); waited <- err }()
		cancel()
		if err := <-waited; err == nil {
			t.Fatal("a wait outlived its context")
		}
		for _, lie := range []uint32{3, 9} {
			if err := p.Put(lie); !errs.Is(err, errs.Corrupt) {
				t.Fatal(lie, err)
			}
		}
	})
}
