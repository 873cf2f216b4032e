package boundary

import (
	"strings"
	"testing"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/errs"
)

// TestCheckStages: what is not done is refused, and not done in part.
func TestCheckStages(t *testing.T) {
	good := &pluginv1.Stage{Name: "good", Inputs: []*pluginv1.Input{{Name: "in"}}, Sides: []string{"side"}}
	if err := CheckStages([]*pluginv1.Stage{good, good}); err != nil {
		t.Error(err)
	}
	for want, bad := range map[string]*pluginv1.Stage{
		"map_only":        {Name: "bad", MapOnly: true},
		"further outputs": {Name: "bad", Outputs: []*pluginv1.Output{{Name: "errors"}}},
	} {
		if err := CheckStages([]*pluginv1.Stage{good, bad}); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
}
