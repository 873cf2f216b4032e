//go:build !linux

package stage

// Plugins would be the processes that a node has started; this system does not list them as Linux does.
func (s *Stage) Plugins(*Node) []int { return nil }

// Orphans would be processes that run out of the stage's folder.
func (s *Stage) Orphans() []string { return nil }

func exists(int) bool { return false }
