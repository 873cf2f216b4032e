package sched

import "slices"

// feedShares is in how many instalments at most the sources of a job are told to its reduces while maps still run: each
// gives a share of the maps. With one for each map, maps times reduces orders and requests would be made of it.
const feedShares = 16

// changed notes that the place of a map's output has changed, or that there is none any more.
func (s *Scheduler) changed(t *task) {
	j := t.job
	j.sources = nil
	if j.counts[Reduce][taskRunning] == 0 {
		return // who starts later is told all
	}
	j.news = append(j.news, t.index)
	if t.out.worker == nil {
		j.urgent = true // else they would go on asking for it until they give up
	}
	s.stir(j)
}

// stir has a job fed at the end of the step.
func (s *Scheduler) stir(j *job) {
	if !j.stirred {
		j.stirred = true
		s.stirred = append(s.stirred, j)
	}
}

// feedAll tells running reduces what this step has changed about the places of their runs.
func (s *Scheduler) feedAll() {
	for _, j := range s.stirred {
		j.stirred = false
		s.feed(j)
	}
	clear(s.stirred)
	s.stirred = s.stirred[:0]
}

// feed tells the running reduces of a job where runs lie: all of it to those that an earlier leader, or an earlier
// session, may have told otherwise; to the others what is new, if it is urgent or enough.
func (s *Scheduler) feed(j *job) {
	if j.state != jobRunning {
		return // when it is opened
	}
	if j.counts[Reduce][taskRunning] == 0 {
		j.news, j.urgent = nil, false
		return
	}
	due := len(j.news) > 0 && (j.urgent || j.complete(Map) || len(j.news)*feedShares >= len(j.tasks[Map]))
	if !due && j.untold == 0 {
		return
	}
	var news []SourceOf
	if due {
		slices.Sort(j.news)
		for _, i := range slices.Compact(j.news) {
			news = append(news, SourceOf{Map: i, Source: j.tasks[Map][i].out.source()})
		}
		j.news, j.urgent = nil, false
	}
	var all []SourceOf
	for _, a := range j.live.items {
		switch {
		case !a.current() || a.id.Phase != Reduce:
		case a.untold:
			if all == nil {
				all = j.allSources()
			}
			s.told(a)
			s.emit(Feed{Worker: a.worker.id, ID: a.id, Sources: all})
		case due:
			s.emit(Feed{Worker: a.worker.id, ID: a.id, Sources: news})
		}
	}
}

func (j *job) allSources() []SourceOf {
	all := make([]SourceOf, len(j.tasks[Map]))
	for i, src := range j.sourceList() {
		all[i] = SourceOf{Map: int32(i), Source: src}
	}
	return all
}

// told notes that an attempt knows all sources, or will never need to.
func (s *Scheduler) told(a *attempt) {
	if a.untold {
		a.untold = false
		a.job.untold--
	}
}
