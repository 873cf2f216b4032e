package chaos

import (
	"context"
	"strings"
	"time"

	"github.com/mrctl/mrctl/integration/chaos/netfault"
	"github.com/mrctl/mrctl/integration/chaos/plan"
	"github.com/mrctl/mrctl/integration/chaos/stage"
)

// strikeNetwork sets a rule between processes.
func (r *run) strikeNetwork(ctx context.Context, f plan.Fault) (mend func(), err error) {
	n, err := r.victim(ctx, f)
	if err != nil {
		return nil, err
	}
	// A connection whose owner is not known could be anybody's.
	session := func(from, to string) bool {
		return (from == n.Name || from == "") && strings.HasPrefix(to, "coordinator")
	}
	reached := func(_, to string) bool { return to == n.Name }
	var match netfault.Match
	var rule netfault.Rule
	switch f.Kind {
	case plan.CutSession:
		match, rule.Cut = session, true
	case plan.HoldSession:
		match, rule.Hold = session, true
	case plan.CutShuffle:
		match, rule.Cut = reached, true
	case plan.HoldShuffle, plan.LoneLeader:
		match, rule.Hold = reached, true
	case plan.SlowShuffle:
		match, rule.Rate = reached, 20_000+int(180_000*f.Dose)
	case plan.CutClient:
		match, rule.Cut = func(from, to string) bool { return from == stage.ClientName && to != stage.StoreName }, true
		r.happened("%s", f.Kind)
		return r.stage.Net.Set(match, rule), nil
	case plan.SlowNet:
		match = func(_, to string) bool { return to != stage.StoreName }
		rule.Delay = 5*time.Millisecond + time.Duration(f.Dose*float64(55*time.Millisecond))
		r.happened("%s: %v", f.Kind, rule.Delay)
		return r.stage.Net.Set(match, rule), nil
	}
	r.happened("%s: %s", f.Kind, n.Name)
	return r.stage.Net.Set(match, rule), nil
}
