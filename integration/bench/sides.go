package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/mrctl/mrctl/integration/bench/answer"
	"github.com/mrctl/mrctl/integration/bench/harness"
	"github.com/mrctl/mrctl/integration/bench/measure"
)

// sides gathers the sides of a case whose results are lines. After an error it does nothing more.
type sides struct {
	ctx context.Context // of the one call of build that this lives in
	k   *kit
	all []harness.Side
	err error
}

func (s *sides) add(name, missing string, command func(out string) measure.Command, err error) {
	if s.err == nil && err == nil {
		s.all = append(s.all, harness.Side{Name: name, Missing: missing, Command: command, Answer: answer.Lines})
	}
	s.err = errors.Join(s.err, err)
}

// mrctl adds a run of mrctl.
func (s *sides) mrctl(name, plugin, input string, flags ...string) {
	command, err := s.k.mrctlRun(s.ctx, plugin, input, flags...)
	s.add(name, "", command, err)
}

// refs adds one of our reference programs.
func (s *sides) refs(name string, threads int, args ...string) {
	command, err := s.k.refs(s.ctx, threads, args...)
	s.add(name, "", command, err)
}

// tool adds a program of the machine.
func (s *sides) tool(name string, args ...string) {
	path, missing := tool(name)
	s.add(name, missing, printing(path, args, s.k.env()), nil)
}

// slow adds what add adds, if slow rivals are asked for.
func (s *sides) slow(name string, add func()) {
	if s.k.slow {
		add()
		return
	}
	s.add(name, "slow; -slow runs it", nil, nil)
}

// equalTo gives an answer that is wrong unless it is that of a reference program, run once over the input.
func (k *kit) equalTo(ctx context.Context, args ...string) func(out string) (answer.Digest, error) {
	return func(out string) (answer.Digest, error) {
		got, err := answer.Lines(out)
		if err != nil {
			return got, err
		}
		command, err := k.refs(ctx, k.slots, args...)
		if err != nil {
			return got, err
		}
		path := filepath.Join(k.scratch, "plain")
		defer func() { _ = os.Remove(path) }() // scratch
		if _, err := measure.Run(ctx, command(path)); err != nil {
			return got, err
		}
		want, err := answer.Lines(path)
		if err != nil {
			return got, err
		}
		if got != want {
			diff, err := answer.Diff(out, path)
			return got, errors.Join(fmt.Errorf("not what a plain program says:\n%s", diff), err)
		}
		return answer.Digest{}, nil // right, and equal to what is right for other inputs
	}
}

func writeFile(path, text string) error { return os.WriteFile(path, []byte(text), 0o600) }
