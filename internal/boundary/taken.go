package boundary

import (
	"regexp"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/errs"
)

// MaxOutputs bounds the named outputs of a stage: each part that is being written holds memory.
const MaxOutputs = 16

var nameRE = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)

// CheckStages says what no worker can do of what stages ask for, as an errs.Invalid.
func CheckStages(list []*pluginv1.Stage) error {
	for i, s := range list {
		outputs := s.GetOutputs()
		switch {
		case s.GetMapOnly() && (s.GetHasReduce() || s.GetHasPartition() || s.GetFold() != pluginv1.Stage_FOLD_UNSPECIFIED || s.GetIdentity()):
			return errs.New(errs.Invalid, "stage %s has no reduce at all (map_only), and a reduce, a fold, a partition or an identity too", s.GetName())
		case len(outputs) > 0 && i < len(list)-1:
			return errs.New(errs.Invalid, "stage %s has named outputs (%s), and others follow it: only the last stage of a job can have some", s.GetName(), outputs[0].GetName())
		case len(outputs) > 0 && !s.GetHasReduce() && !s.GetMapOnly():
			return errs.New(errs.Invalid, "stage %s has named outputs (%s), and no reduce that writes them", s.GetName(), outputs[0].GetName())
		case len(outputs) > MaxOutputs:
			return errs.New(errs.Invalid, "stage %s has %d named outputs, at most %d can be", s.GetName(), len(outputs), MaxOutputs)
		}
		seen := map[string]bool{}
		for _, o := range outputs {
			if name := o.GetName(); !nameRE.MatchString(name) || seen[name] {
				return errs.New(errs.Invalid, "stage %s: the name %q of an output is not 1 to 40 of a-z, 0-9 and -, or another has it too", s.GetName(), name)
			}
			seen[o.GetName()] = true
		}
	}
	return nil
}
