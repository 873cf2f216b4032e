package main

import (
	"testing"

	"github.com/mrctl/mrctl/jobs/jobstest"
)

func TestLaws(t *testing.T) {
	jobstest.Laws(t, job, []string{"a xx", "b y", "a zzz and more", "alone"})
}
