package worker

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"

	"go.uber.org/zap"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/worker/pluginhost"
)

// ownPlugin is the plugin's process of one attempt alone, so that nobody else dies of its records, nor it of others'. A nil
// one is never open.
type ownPlugin struct {
	a       *Agent
	j       *job
	name    string // of its scratch folder
	process *pluginhost.Process
	opened  int // processes so far
}

// start makes sure that there is a process, and that it lives.
func (o *ownPlugin) start(ctx context.Context) (err error) {
	if o.process != nil {
		if dead, _ := o.process.Exited(); !dead {
			return nil
		}
		o.close()
	}
	o.opened++
	o.process, err = o.a.startPlugin(ctx, o.j, pluginhost.Spec{Scratch: filepath.Join(o.j.scratch, fmt.Sprintf("%s-%d", o.name, o.opened)), Slots: 1})
	return err
}

func (o *ownPlugin) close() {
	if o == nil || o.process == nil {
		return
	}
	if err := o.process.Close(); err != nil {
		o.a.log.Debug("close an attempt's own plugin", zap.Error(err))
	}
	o.process = nil
}

// startPlugin starts a process of a job's plugin: where, and for how many slots, says s.
func (a *Agent) startPlugin(ctx context.Context, j *job, s pluginhost.Spec) (*pluginhost.Process, error) {
	platform := runtime.GOOS + "/" + runtime.GOARCH
	sum, ok := j.spec.Plugins[platform]
	if !ok {
		return nil, errs.New(errs.Invalid, "the job brings no plugin for %s, only for %v", platform, keys(j.spec.Plugins))
	}
	s.Job, s.Digest, s.Args, s.Memory = j.id, sum, j.spec.Args, a.share()
	return a.host.Start(ctx, s)
}

// errDiedInCompany is the error of a reduce whose plugin died while others could use it: it is not its fault, as far as
// anybody knows.
var errDiedInCompany = errors.New("the plugin that it shared with others is gone")

// reducePlugin gives a reduce its plugin: that of all, and one of its own to an attempt that is not the first. One of these
// has died, mostly, and it may be for the plugin; so a group that kills it is told by its second attempt.
func (a *Agent) reducePlugin(ctx context.Context, at *attempt, j *job, own *ownPlugin) (*pluginhost.Process, error) {
	if at.id.Attempt%ledger.AttemptsPerLeader == 0 || a.cfg.InProcess != nil {
		return a.plugin(ctx, j)
	}
	err := own.start(ctx)
	return own.process, err
}
