package pluginhost

import (
	"bytes"
	"testing"
)

func TestTailSinceAMark(t *testing.T) {
	var w tail
	if _, err := w.Write([]byte("before\n")); err != nil {
		t.Fatal(err)
	}
	mark := w.said()
	if got := w.since(mark); len(got) != 0 {
		t.Errorf("%q since now", got)
	}
	if _, err := w.Write([]byte("after\n")); err != nil {
		t.Fatal(err)
	}
	if got := w.since(mark); string(got) != "after\n" {
		t.Errorf("%q", got)
	}
	if got := w.since(0); string(got) != "before\nafter\n" {
		t.Errorf("%q since the start", got)
	}
	for range 100 { // far more than is kept
		if _, err := w.Write(bytes.Repeat([]byte("x"), tailSize/10)); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.since(mark); len(got) != tailSize {
		t.Errorf("%d bytes are kept, want %d", len(got), tailSize)
	}
}
