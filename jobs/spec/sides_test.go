package spec_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/jobs/spec"
)

func TestSides(t *testing.T) {
	got, err := spec.ParseSides([]string{"a=/x", "b=s3://c/d=e"})
	if want := map[string]string{"a": "/x", "b": "s3://c/d=e"}; err != nil || !maps.Equal(got, want) {
		t.Errorf("%v (%v), want %v", got, err, want)
	}
	for arg, says := range map[string]string{"a": "NAME=PATH", "a=": "NAME=PATH", "A=x": "a-z", "b=2": "named twice"} {
		if _, err := spec.ParseSides([]string{"b=1", arg}); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", arg, err, says)
		}
	}
	job := spec.Job{Sides: got}
	for says, wanted := range map[string][]string{
		"": {"a", "b"}, "the job needs the side file c": {"a", "b", "c"}, "--side b: the plugin has no side file of that name, only a": {"a"},
		"--side a: the plugin has no side files": nil,
	} {
		if err := job.CheckSides(wanted); (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%v wanted: %v, want %q", wanted, err, says)
		}
	}
}
