package main

import (
	"fmt"
	"io"
	"sync/atomic"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
)

// bars draws a bar for each stage, and above them a line for each attempt that failed or was lost.
type bars struct {
	box    *mpb.Progress
	stages map[string]*stageBar
}

type stageBar struct {
	bar  *mpb.Bar
	text atomic.Pointer[string] // what stands beside the bar, drawn by a goroutine of mpb's
}

func newBars(w io.Writer) *bars {
	return &bars{
		box:    mpb.New(mpb.WithOutput(w), mpb.WithWidth(40), mpb.WithAutoRefresh()),
		stages: map[string]*stageBar{},
	}
}

func (b *bars) see(s *controlv1.JobStatus, events []*controlv1.Event) {
	for _, e := range events {
		if noteworthy(e) {
			fmt.Fprintln(b.box, eventText(e))
		}
	}
	for _, st := range s.Stages {
		if st.Tasks == 0 {
			continue // not planned yet
		}
		sb := b.stages[st.Name]
		if sb == nil {
			sb = b.add(st.Name)
			b.stages[st.Name] = sb
		}
		text := fmt.Sprintf("  %d of %s", st.Done, count(uint64(st.Tasks), "task"))
		if st.Bytes > 0 {
			text += ", " + showSize(st.Bytes)
		}
		if f := fetching(st); f != "" {
			text += ", " + f
		}
		sb.text.Store(&text)
		done, total := shareDone(st)
		sb.bar.SetTotal(total, false)
		sb.bar.SetCurrent(done)
	}
}

// shareDone measures a stage by the bytes of its input where they are known, since tasks differ in size, or by its tasks.
func shareDone(st *controlv1.StageStatus) (done, total int64) {
	switch {
	case st.Bytes == 0:
		return int64(st.Done), int64(st.Tasks)
	case st.Done == st.Tasks:
		return int64(st.Bytes), int64(st.Bytes)
	}
	return int64(min(st.BytesDone, st.Bytes)), int64(st.Bytes)
}

func (b *bars) add(name string) *stageBar {
	sb := &stageBar{}
	beside := decor.Any(func(decor.Statistics) string {
		if t := sb.text.Load(); t != nil {
			return *t
		}
		return ""
	})
	sb.bar = b.box.New(0, mpb.BarStyle().Lbound("|").Filler("=").Tip(">").Padding(" ").Rbound("|"),
		mpb.PrependDecorators(decor.Name(name, decor.WC{W: 7, C: decor.DindentRight})),
		mpb.AppendDecorators(decor.Percentage(decor.WC{W: 5}), beside))
	return sb
}

// end leaves the bars as they are and gives the terminal back.
func (b *bars) end() {
	for _, sb := range b.stages {
		sb.bar.Abort(false)
	}
	b.box.Wait()
}
