package coordinator

import (
	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/coordinator/sched"
	"github.com/mrctl/mrctl/internal/ledger"
)

// places gathers sources by the worker that holds them, as orders name them.
type places struct {
	l    *leader
	at   map[sched.WorkerID]*sessionv1.Source
	list []*sessionv1.Source
	gone []uint32 // map tasks with no source
}

func (l *leader) places() *places { return &places{l: l, at: map[sched.WorkerID]*sessionv1.Source{}} }

// add notes where the output of a map task lies. Called in the loop only.
func (p *places) add(task int32, src sched.Source) {
	if src.Worker == "" {
		p.gone = append(p.gone, uint32(task))
		return
	}
	to := p.at[src.Worker]
	if to == nil {
		to = &sessionv1.Source{Worker: string(src.Worker)}
		if src.Worker == sched.InStore {
			to.Worker, to.Addr = ledger.InStore, ledger.InStore
		} else if holder := p.l.sessions[src.Worker]; holder != nil {
			to.Addr = holder.reg.ShuffleAddr
		}
		p.at[src.Worker] = to
		p.list = append(p.list, to)
	}
	to.Tasks = append(to.Tasks, uint32(task))
	to.Attempts = append(to.Attempts, uint32(src.Attempt))
	to.Digests = append(to.Digests, append([]byte(nil), src.Digest[:]...))
}

// start sends the order of an attempt, with the places of its inputs. Called in the loop only.
func (l *leader) start(e sched.Start) {
	s, j := l.sessions[e.Worker], l.jobs[e.ID.Job]
	if s == nil || j == nil {
		return // the scheduler hears of the worker's loss, which is on its way
	}
	p := l.places()
	for task, src := range e.Sources {
		p.add(int32(task), src)
	}
	l.order(s, j, &sessionv1.AttachResponse{Kind: &sessionv1.AttachResponse_Start{Start: &sessionv1.Start{
		Id: wireID(e.ID), Sources: p.list, Maps: uint32(j.maps()), Extent: j.extentOf(e.ID)}}})
}

// feed tells a reduce that runs of inputs it did not know of. Called in the loop only.
func (l *leader) feed(e sched.Feed) {
	s, j := l.sessions[e.Worker], l.jobs[e.ID.Job]
	if s == nil || j == nil {
		return
	}
	p := l.places()
	for _, src := range e.Sources {
		p.add(src.Map, src.Source)
	}
	l.order(s, j, &sessionv1.AttachResponse{Kind: &sessionv1.AttachResponse_AddSources{AddSources: &sessionv1.AddSources{
		Id: wireID(e.ID), Sources: p.list, Gone: p.gone, Maps: uint32(j.maps())}}})
}
