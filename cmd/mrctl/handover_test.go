package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/worker/pluginhost"
)

// The process that was asked what the plugin is goes on to run the job.
func TestRunHandsThePluginOver(t *testing.T) {
	atHome(t)
	elsewhere := filepath.Join(t.TempDir(), "scratch")
	var ready *pluginhost.Ready
	var slots int
	s := fakeServers(func(j *ledger.Job) []string {
		p, err := pluginhost.New(pluginhost.Config{Ready: ready}).Start(t.Context(), pluginhost.Spec{Job: j.ID, Digest: j.Spec.Plugins[here],
			Args: j.Spec.Args, Scratch: elsewhere, Slots: slots})
		if err != nil || p.Describe().GetStages()[0].GetName() != "stub" {
			t.Errorf("%v, %v", p.Describe(), err)
		}
		if _, err := os.Stat(elsewhere); err == nil {
			t.Error("another process was started")
		}
		return []string{""}
	})
	worker := s.worker
	s.worker = func(cfg workerConfig) (runner, error) {
		ready, slots = cfg.Ready, cfg.Slots
		return worker(cfg)
	}
	if _, errOut, code := mrctl(t, s, append([]string{"run", testPlugin(t), "in.txt"}, pluginArgs...)...); code != 0 {
		t.Errorf("exit %d\n%s", code, errOut)
	}
}
