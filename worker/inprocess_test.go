package worker

import (
	"context"
	"testing"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/jobs"
	"github.com/mrctl/mrctl/worker/pluginhost"
)

// A program in the worker's own process takes the place of a plugin's, from its description to its end.
func TestInProcess(t *testing.T) {
	program, err := jobs.WordCounts("words").Program()
	if err != nil {
		t.Fatal(err)
	}
	server := boundary.NewServer(&pluginv1.DescribeResponse{Protocol: boundary.Protocol, Stages: []*pluginv1.Stage{program.Describe()}}, program)
	a := &Agent{cfg: Config{InProcess: server, Slots: 1, Memory: 64 << 20}}
	j := &job{id: "j"}
	p, err := a.plugin(t.Context(), j)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := a.plugin(t.Context(), j); err != nil || again != p {
		t.Errorf("another one for the same job: %v", err)
	}
	if p.Describe().GetStages()[0].GetName() != "words" {
		t.Errorf("it describes itself as %v", p.Describe())
	}
	counted(t, p)
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// counted runs an attempt of two words.
func counted(t *testing.T, p *pluginhost.Process) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s, err := p.Map(ctx, &pluginv1.MapStart{Partitions: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	b := s.Buffer(8)
	b.Data, b.Off = append(b.Data, "be or be"...), append(b.Off, 0, 8)
	if err := s.Send(ctx, b); err != nil {
		t.Fatal(err)
	}
	if err := s.CloseSend(); err != nil {
		t.Fatal(err)
	}
	pairs, err := s.Recv()
	if err != nil || pairs.Len() != 2 {
		t.Errorf("%v, %v", pairs, err)
	}
}
