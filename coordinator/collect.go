package coordinator

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/mrctl/mrctl/coordinator/gc"
)

// How a leader collects garbage: not before it has led for a while, for it has more urgent things to do then, and so slowly
// that nobody notices.
const (
	firstCollection = 10 * time.Minute
	collectPause    = 20 * time.Millisecond // for each job looked at and each object removed
)

// collect removes now and then what nobody owns any more. Nothing is remembered between two times, so leaders may change.
func (l *leader) collect(ctx context.Context) {
	every := l.srv.cfg.GCEvery
	if every < 0 {
		return
	}
	wait := time.NewTimer(min(every, firstCollection))
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-wait.C:
		}
		l.collectOnce(ctx)
		wait.Reset(every)
	}
}

func (l *leader) collectOnce(ctx context.Context) {
	cfg := gc.Config{Store: l.srv.cfg.Store, Places: l.srv.cfg.Resolver, Limits: l.srv.cfg.GC, Pause: collectPause}
	for item, err := range gc.Find(ctx, cfg) {
		if err == nil {
			err = item.Remove(ctx, collectPause)
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			l.log.Warn("collect garbage", zap.Error(err))
		case item.Objects > 0:
			l.log.Info("garbage removed", zap.String("kind", string(item.Kind)), zap.String("where", item.Where),
				zap.Int("objects", item.Objects), zap.Int64("bytes", item.Bytes), zap.String("why", item.Why))
		}
	}
}
