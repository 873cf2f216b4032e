package worker

import (
	"context"

	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage/dataset"
)

// This file is about maps that read part of a split: those whose tail was handed to others, and the tails.

// yield asks a map attempt to end where it is. One that has ended does not need to know.
func (a *Agent) yield(order *sessionv1.Yield) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if at := a.attempts[keyOf(order.Id)]; at != nil {
		at.yield.Store(true)
	}
}

// extent reads what a map attempt is to read.
func (a *Agent) extent(ctx context.Context, order *sessionv1.Start) (dataset.Split, error) {
	e, plan := order.GetExtent(), ledger.StageID(order.Id.Job, int(order.Id.Stage))
	if e == nil {
		return a.plans.Split(ctx, plan, int(order.Id.Task))
	}
	split, err := a.plans.Split(ctx, plan, int(e.Task))
	if err != nil {
		return dataset.Split{}, err
	}
	return split.Between(placeFrom(e.From), placeFrom(e.To)), nil
}

// end is the end of the extent that the attempt has done, as it is reported: what was ordered, if it did not end before.
func (m *mapAttempt) end(at dataset.Place) *sessionv1.Place {
	e := m.at.order.GetExtent()
	if at == (dataset.Place{}) {
		return e.GetTo()
	}
	return &sessionv1.Place{Piece: e.GetFrom().GetPiece() + uint32(at.Piece), Offset: at.Offset}
}

func placeFrom(p *sessionv1.Place) dataset.Place {
	return dataset.Place{Piece: int(p.GetPiece()), Offset: p.GetOffset()}
}
