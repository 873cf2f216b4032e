package spec

import (
	"strings"
	"testing"

	"github.com/mrctl/mrctl/internal/errs"
)

func TestNamedInputsAreChecked(t *testing.T) {
	good := Job{
		Name: "x", Plugins: map[string]string{"linux/amd64": strings.Repeat("0", 64)}, Stage: []byte{1},
		NamedInputs: map[string][]string{"a": {"/a"}, "b": {"/b"}}, NamedFormats: map[string]string{"b": "csv"},
	}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for says, change := range map[string]func(*Job){
		"there are none":         func(j *Job) { j.NamedInputs, j.NamedFormats = nil, nil },
		"without a name as well": func(j *Job) { j.Inputs = []string{"/c"} },
		`the name "B c"`:         func(j *Job) { j.NamedInputs = map[string][]string{"B c": {"/b"}} },
		"a has no URI":           func(j *Job) { j.NamedInputs = map[string][]string{"a": nil} },
		"there is no input b":    func(j *Job) { j.NamedInputs = map[string][]string{"a": {"/a"}} },
	} {
		bad := good
		change(&bad)
		if err := bad.Check(); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), says) {
			t.Errorf("checked with %v, want %q", err, says)
		}
	}
	if err := good.MatchInputs([]string{"b", "a"}); err != nil {
		t.Error(err)
	}
	if err := good.MatchInputs(nil); !errs.Is(err, errs.Invalid) {
		t.Errorf("names for a job that has none: %v", err)
	}
	if lists := good.InputLists(); len(lists) != 2 || lists[0][0] != "/a" || lists[1][0] != "/b" {
		t.Errorf("lists %v", lists)
	}
}
