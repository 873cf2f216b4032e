package boundary

import (
	"strings"
	"testing"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/errs"
)

// What fails in the plugin's process arrives as the kind it was, with its cause, over every carrier.
func TestKindsCrossTheBoundary(t *testing.T) {
	onEach(t, func(t *testing.T, c carrier) {
		for kind := errs.Invalid; kind <= errs.Canceled; kind++ {
			plugin := fake{mapf: func(MapPort) (*pluginv1.Counters, error) {
				return nil, errs.E(kind, "map", "record 7", errs.New(errs.Other, "the first cause"))
			}}
			w := plugin.serve(t, c)
			s, err := NewMap(t.Context(), w, w.shared, &pluginv1.MapStart{Partitions: 2}, nil)
			if err == nil {
				_, _, err = drive(t, s)
			}
			if errs.KindOf(err) != kind || !strings.Contains(err.Error(), "the first cause") {
				t.Errorf("%v arrived as %v: %v", kind, errs.KindOf(err), err)
			}
		}
	})
}
