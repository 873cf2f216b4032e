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

// TestTailTold: whoever is told of the words gets all of them, also those that are not kept.
func TestTailTold(t *testing.T) {
	var all bytes.Buffer
	w := tail{also: &all}
	for range 100 {
		if _, err := w.Write(bytes.Repeat([]byte("x"), tailSize/10)); err != nil {
			t.Fatal(err)
		}
	}
	if want := 100 * (tailSize / 10); all.Len() != want {
		t.Errorf("%d bytes of %d", all.Len(), want)
	}
}
