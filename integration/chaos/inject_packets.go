package chaos

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mrctl/mrctl/integration/chaos/netfault"
	"github.com/mrctl/mrctl/integration/chaos/plan"
	"github.com/mrctl/mrctl/integration/chaos/stage"
)

// strikePackets has packets vanish on their way. Nobody is told: a peer is as silent as one whose machine has lost power.
func (r *run) strikePackets(ctx context.Context, f plan.Fault) (mend func(), err error) {
	rule := netfault.Rule{Hold: true}
	var ways netfault.Match
	whom := ""
	switch f.Kind {
	case plan.Partition, plan.Deaf, plan.Mute, plan.StoreGone:
		n, err := r.victim(ctx, f)
		if err != nil {
			return nil, err
		}
		whom, ways = n.Name, lost(f.Kind, n.Name)
	case plan.SplitCluster:
		var side []string
		side, err = r.half(ctx, f)
		whom = strings.Join(side, " and ")
		ways = func(from, to string) bool {
			return isNode(from) && isNode(to) && slices.Contains(side, from) != slices.Contains(side, to)
		}
	case plan.SplitWorkers:
		n := len(r.stage.Workers)
		one, other := r.stage.Workers[f.Pick%n].Name, r.stage.Workers[(f.Pick+1)%n].Name
		whom = one + " and " + other
		ways = func(from, to string) bool { return from == one && to == other || from == other && to == one }
	case plan.ClientGone:
		whom = stage.ClientName
		ways = func(from, to string) bool {
			return (from == whom || to == whom) && from != stage.StoreName && to != stage.StoreName
		}
	case plan.LosePackets:
		rule = netfault.Rule{Loss: 0.01 + 0.19*f.Dose}
		ways, whom = anybody, fmt.Sprintf("%.0f%%", 100*rule.Loss)
	case plan.SlowLinks:
		rule = netfault.Rule{Rate: 200_000 + int(1_800_000*f.Dose)}
		ways, whom = anybody, fmt.Sprintf("%d bytes a second", rule.Rate)
	}
	if err != nil {
		return nil, err
	}
	r.happened("%s: %s", f.Kind, whom)
	return r.stage.Packets.SetWay(ways, rule), nil
}

func anybody(string, string) bool { return true }

func isNode(name string) bool {
	return strings.HasPrefix(name, "coordinator") || strings.HasPrefix(name, "worker")
}

// lost says which packets to and from a process vanish.
func lost(k plan.Kind, name string) netfault.Match {
	switch k {
	case plan.Deaf:
		return func(_, to string) bool { return to == name }
	case plan.Mute:
		return func(from, _ string) bool { return from == name }
	case plan.StoreGone:
		return func(from, to string) bool {
			return from == name && to == stage.StoreName || from == stage.StoreName && to == name
		}
	default:
		return func(from, to string) bool { return from == name || to == name }
	}
}

// half is the leader and some of the workers, none of them or all but one.
func (r *run) half(ctx context.Context, f plan.Fault) ([]string, error) {
	leader, err := r.stage.Leader(ctx)
	if err != nil {
		return nil, err
	}
	side := []string{leader.Name}
	for i, w := range r.stage.Workers[1:] {
		if f.Pick>>i&1 == 1 {
			side = append(side, w.Name)
		}
	}
	return side, nil
}
