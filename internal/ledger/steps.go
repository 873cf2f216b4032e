package ledger

import "fmt"

// Step is the maps or the reduces of a stage.
type Step struct {
	Name        string // see StepName
	Tasks, Done int    // Done is what the record tells: all, once the stage has ended
}

// StepName is what the maps or the reduces of a stage are called: map, and 2:map in the second stage of a job.
func StepName(stage int, phase TaskPhase) string {
	if stage == 0 {
		return string(phase)
	}
	return fmt.Sprintf("%d:%s", stage+1, phase)
}

// Steps are the steps of the stages that have ended and of the one under way, in order.
func (j Job) Steps() (steps []Step) {
	add := func(stage, maps, reduces int, done bool) {
		for _, s := range []Step{{Name: StepName(stage, Map), Tasks: maps}, {Name: StepName(stage, Reduce), Tasks: reduces}} {
			if done {
				s.Done = s.Tasks
			}
			if s.Tasks > 0 || maps == 0 { // a stage without reduces has no step of that name
				steps = append(steps, s)
			}
		}
	}
	for i, end := range j.Before {
		add(i, end.Maps+end.Tails, end.Reduces, true)
	}
	add(j.Stage, j.MapTasks(), j.Reduces, j.Phase == Done)
	return steps
}
