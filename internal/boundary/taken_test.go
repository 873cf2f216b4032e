package boundary

import (
	"strings"
	"testing"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/errs"
)

// TestCheckStages: what cannot be done is refused, and not done in part.
func TestCheckStages(t *testing.T) {
	good := &pluginv1.Stage{Name: "good", Inputs: []*pluginv1.Input{{Name: "in"}}, Sides: []string{"side"}}
	if err := CheckStages([]*pluginv1.Stage{good, good}); err != nil {
		t.Error(err)
	}
	for _, fine := range []*pluginv1.Stage{
		{MapOnly: true, Outputs: []*pluginv1.Output{{Name: "a"}}}, {HasReduce: true, Outputs: []*pluginv1.Output{{Name: "a"}, {Name: "b"}}},
	} {
		if err := CheckStages([]*pluginv1.Stage{good, fine}); err != nil {
			t.Error(err)
		}
		if err := CheckStages([]*pluginv1.Stage{fine, good}); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "only the last stage") {
			t.Errorf("%v", err)
		}
	}
	for want, bad := range map[string]*pluginv1.Stage{
		"map_only":         {Name: "bad", MapOnly: true, HasReduce: true},
		"no reduce that":   {Name: "bad", Outputs: []*pluginv1.Output{{Name: "errors"}}},
		`"../etc"`:         {Name: "bad", MapOnly: true, Outputs: []*pluginv1.Output{{Name: "../etc"}}},
		"another has it":   {Name: "bad", MapOnly: true, Outputs: []*pluginv1.Output{{Name: "a"}, {Name: "a"}}},
		"17 named outputs": {Name: "bad", MapOnly: true, Outputs: make([]*pluginv1.Output, 17)},
	} {
		if err := CheckStages([]*pluginv1.Stage{good, bad}); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
}
