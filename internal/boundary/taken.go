package boundary

import (
	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/errs"
)

// CheckStages says what stages ask for that the wire has words for and this version does not do, as an errs.Invalid.
func CheckStages(list []*pluginv1.Stage) error {
	for _, s := range list {
		switch {
		case s.GetMapOnly() && (s.GetHasReduce() || s.GetHasPartition() || s.GetFold() != pluginv1.Stage_FOLD_UNSPECIFIED || s.GetIdentity()):
			return errs.New(errs.Invalid, "stage %s has no reduce at all (map_only), and a reduce, a fold, a partition or an identity too", s.GetName())
		case len(s.GetOutputs()) > 0:
			return errs.New(errs.Invalid, "stage %s has further outputs (%s and so on), which this version of mrctl does not write: use one job for each", s.GetName(), s.GetOutputs()[0].GetName())
		}
	}
	return nil
}
