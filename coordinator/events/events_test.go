package events

import "testing"

func TestAfterGivesWhatIsNew(t *testing.T) {
	var l Log
	l.Add(Event{Kind: "a"})
	l.Add(Event{Kind: "b"})
	got, changed := l.After(1)
	if len(got) != 1 || got[0].Kind != "b" || got[0].Seq != 2 {
		t.Fatalf("After(1) = %+v", got)
	}
	select {
	case <-changed:
		t.Fatal("woken with nothing new")
	default:
	}
	l.Touch()
	<-changed
}

func TestOldEventsAreDroppedNotRenumbered(t *testing.T) {
	var l Log
	for range MaxKept + 1 {
		l.Add(Event{})
	}
	got, _ := l.After(0)
	if len(got) > MaxKept || got[len(got)-1].Seq != MaxKept+1 || got[0].Seq == 1 {
		t.Fatalf("kept %d, first %d, last %d", len(got), got[0].Seq, got[len(got)-1].Seq)
	}
}
