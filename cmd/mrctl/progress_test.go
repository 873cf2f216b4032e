package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
)

// story is a job as a watcher is told of it: after how long, how it stands, what happened.
type chapter struct {
	after  time.Duration
	change func(*controlv1.JobStatus)
	events []*controlv1.Event
}

var story = []chapter{
	{0, func(s *controlv1.JobStatus) { s.Phase = controlv1.JobStatus_PHASE_PLANNING }, nil},
	{time.Second, func(s *controlv1.JobStatus) {
		s.Phase = controlv1.JobStatus_PHASE_RUNNING
		s.Stages = []*controlv1.StageStatus{{Name: "map", Tasks: 4, Waiting: 4, Bytes: 4 << 20}, {Name: "reduce", Tasks: 2, Waiting: 2}}
	}, nil},
	{time.Second, func(s *controlv1.JobStatus) { s.Stages[0].Done, s.Stages[0].BytesDone = 1, 1<<20 }, nil},
	{time.Second, func(s *controlv1.JobStatus) { s.AttemptsFailed = 1 }, []*controlv1.Event{
		{Seq: 1, Kind: "attempt-started", Task: "map/1", Attempt: 1, Worker: "w1"},
		{Seq: 2, Kind: "attempt-failed", Task: "map/1", Attempt: 1, Worker: "w1", Text: "panic: oh\ngoroutine 7"}}},
	{10 * time.Second, func(s *controlv1.JobStatus) { s.Stages[0].Done, s.Stages[0].BytesDone = 3, 3<<20 }, nil},
	{20 * time.Second, func(*controlv1.JobStatus) {}, nil}, // nothing new is not said again
	{time.Second, func(s *controlv1.JobStatus) {
		s.Phase, s.Stages[0].Done, s.Stages[1].Done = controlv1.JobStatus_PHASE_COMMITTING, 4, 2
	}, nil},
	{time.Second, func(s *controlv1.JobStatus) { s.Phase = controlv1.JobStatus_PHASE_DONE }, nil},
}

func tell(p progress, clock *time.Time) {
	s := &controlv1.JobStatus{Id: "0198c2a1", Name: "wordcount"}
	for _, c := range story {
		*clock = clock.Add(c.after)
		c.change(s)
		p.see(proto.Clone(s).(*controlv1.JobStatus), c.events)
	}
	p.end()
}

func TestProgressLines(t *testing.T) {
	var b bytes.Buffer
	clock := noon
	tell(&lineProgress{w: &b, every: 10 * time.Second, now: func() time.Time { return clock }}, &clock)
	golden(t, "progress.txt", b.Bytes())
}

func TestProgressJSON(t *testing.T) {
	var b bytes.Buffer
	clock := noon
	tell(&jsonProgress{w: &b}, &clock)
	golden(t, "progress.jsonl", b.Bytes())
}

// What bars look like is mpb's affair; that they take every change, and give the terminal back, is ours.
func TestProgressBars(t *testing.T) {
	var b bytes.Buffer
	clock := noon
	bars := newBars(&b)
	tell(bars, &clock)
	if !strings.Contains(b.String(), "attempt-failed map/1.1 on w1: panic: oh\n") {
		t.Errorf("the failed attempt is not named:\n%s", b.String())
	}
	if n := len(bars.stages); n != 2 {
		t.Errorf("%d bars", n)
	}
}

func TestShareDone(t *testing.T) {
	for _, c := range []struct {
		st          *controlv1.StageStatus
		done, total int64
	}{
		{&controlv1.StageStatus{Tasks: 4, Done: 1}, 1, 4},
		{&controlv1.StageStatus{Tasks: 4, Done: 1, Bytes: 100, BytesDone: 40}, 40, 100},
		{&controlv1.StageStatus{Tasks: 4, Done: 4, Bytes: 100, BytesDone: 90}, 100, 100},
		{&controlv1.StageStatus{Tasks: 4, Done: 3, Bytes: 100, BytesDone: 130}, 100, 100}, // an attempt that ran twice
	} {
		if done, total := shareDone(c.st); done != c.done || total != c.total {
			t.Errorf("%v: %d of %d, want %d of %d", c.st, done, total, c.done, c.total)
		}
	}
}

func TestNewProgress(t *testing.T) {
	for _, c := range []struct {
		json, quiet, draws bool
		want               string
	}{
		{true, true, true, "*main.jsonProgress"}, {false, true, true, "main.noProgress"},
		{false, false, false, "*main.lineProgress"}, {false, false, true, "*main.bars"},
	} {
		p := &program{draws: c.draws, stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}}
		got := p.newProgress(c.json, c.quiet)
		got.end()
		if name := typeName(got); name != c.want {
			t.Errorf("%+v: %s", c, name)
		}
	}
}

func typeName(v any) string { return fmt.Sprintf("%T", v) }
