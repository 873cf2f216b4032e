package main

import (
	"testing"

	"github.com/mrctl/mrctl/jobs/jobstest"
)

func TestLaws(t *testing.T) {
	jobstest.Laws(t, job, []string{"to be or not to be", "", "  that\tis ", "the\u00a0question"})
}
