package coordinator

import (
	"time"

	"github.com/mrctl/mrctl/coordinator/events"
	"github.com/mrctl/mrctl/internal/retry"
)

// This file is about steps of a job that cannot be taken now. From committing on a job goes forward only: whatever keeps its
// output from being published, permissions taken away after the claim above all, leaves it where it is until that is
// mended. So it has to be seen, with its cause.

// steps is how the steps of a job are repeated: for as long as the leadership lasts, and seldom in the end.
var steps = retry.Policy{Base: 400 * time.Millisecond, Most: 30 * time.Second, Worth: func(error) bool { return true }}

// Kinds of events.
const (
	noteBlocked   = "job-blocked"   // what cannot be done, and why; once for each cause
	noteUnblocked = "job-unblocked" // it has been done after all
)

// blockedBy notes why a step has to be tried again. Called in the loop only.
func (j *job) blockedBy(what string, err error) {
	text := "cannot " + what + ": " + err.Error()
	if j.blocked == nil {
		j.blocked = map[string]string{}
	}
	if j.blocked[what] != text {
		j.blocked[what] = text
		j.log.Add(events.Event{Time: time.Now(), Kind: noteBlocked, Text: text})
	}
}

// unblocked notes that a step has been taken. Called in the loop only.
func (j *job) unblocked(what string) {
	if j.blocked[what] != "" {
		delete(j.blocked, what)
		j.log.Add(events.Event{Time: time.Now(), Kind: noteUnblocked, Text: "could " + what + " after all"})
	}
}

// blockedText is what the job waits for, if anything; of several steps the first in the alphabet.
func (j *job) blockedText() (text string) {
	for _, t := range j.blocked {
		if text == "" || t < text {
			text = t
		}
	}
	return text
}
