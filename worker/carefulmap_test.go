package worker

import (
	"errors"
	"slices"
	"strings"
	"testing"

	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage"
)

// TestNeighboursDoNotCount: attempts whose plugin dies of something that is none of theirs are done all the same, each in
// a process of its own, and no failure is counted.
func TestNeighboursDoNotCount(t *testing.T) {
	w := newWorld(t)
	a := w.agent()
	s := await(w, "a session", w.leader(1, calm).sessions)
	id := w.job(nil, "fine\n", "fine too\n")
	release := w.files.hold()
	defer release()
	for task := range uint32(2) {
		s.start(&sessionv1.Start{Id: mapID(id, task, 0)})
	}
	for range 2 {
		await(w, "a split to be opened", w.files.opened)
	}
	if err := a.process(id).Kill(); err != nil {
		t.Fatal(err)
	}
	release()
	told := map[uint32]bool{}
	for len(told) < 2 { // in any order
		r := await(w, "a report", s.reports)
		if r.Outcome != sessionv1.Report_OUTCOME_DONE || r.Tally.RecordsIn != 1 || r.Tally.BadRecords != 0 {
			t.Errorf("%v", r)
		}
		told[r.Id.Task] = true
		s.ack(r.Id)
	}
}

// TestBadRecordsAreKept: what an attempt set aside lies in the store before the attempt is reported; that of an attempt
// that had nothing, or failed, does not.
func TestBadRecordsAreKept(t *testing.T) {
	for _, c := range []struct {
		name string
		text string
		want []string // of the letters, a part of each line
		done bool
	}{
		{"none", "fine\n", nil, true},
		{"three", "BOOM exit\nfine\nBOOM bad \xff\nBOOM panic\n", []string{`"offset":0,`, `"offset":15,`, `"offset":26,`}, true},
		{"too many", strings.Repeat("BOOM bad\n", 4), nil, false},
		{"too many that kill", strings.Repeat("BOOM exit\n", 4), nil, false},
		{"an error", "BOOM bad\nBOOM error\n", nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.maxBad = 3
			w.agent()
			s := await(w, "a session", w.leader(1, calm).sessions)
			m := mapID(w.job([]string{"-how", "any"}, c.text), 0, 2)
			s.start(&sessionv1.Start{Id: m})
			r := s.report(m)
			if done := r.Outcome == sessionv1.Report_OUTCOME_DONE; done != c.done || done && int(r.Tally.BadRecords) != len(c.want) {
				t.Errorf("%v", r)
			}
			body, _, err := w.store.Get(w.ctx, ledger.BadKey(m.Job, 0, 2))
			lines := slices.Sorted(strings.Lines(string(body)))
			if errors.Is(err, storage.ErrNotExist) != (len(c.want) == 0) || len(lines) != len(c.want) {
				t.Fatalf("%q, %v", lines, err)
			}
			for _, want := range c.want {
				if !strings.Contains(string(body), want) {
					t.Errorf("%s is not in\n%s", want, body)
				}
			}
			if n := plugins(t, w.dir); n > 1 {
				t.Errorf("%d plugins run", n)
			}
		})
	}
}

// TestKillerIsNamed: without leave to set it aside, the record that kills the plugin is in the attempt's error.
func TestKillerIsNamed(t *testing.T) {
	w := newWorld(t)
	w.agent()
	s := await(w, "a session", w.leader(1, calm).sessions)
	m := mapID(w.job([]string{"-how", "exit"}, strings.Repeat("fine\n", 1000)+"BOOM\n"+strings.Repeat("fine\n", 1000)), 0, 0)
	s.start(&sessionv1.Start{Id: m})
	r := s.report(m)
	if r.Outcome != sessionv1.Report_OUTCOME_FAILED || errs.Kind(r.ErrorKind) != errs.UserCode || !r.Final || !strings.Contains(r.Error, "at byte 5000: ") ||
		!strings.Contains(r.Error, "status 7") || !strings.Contains(r.Error, "--max-bad-records") {
		t.Errorf("%v", r)
	}
}
