package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/mrctl/mrctl/internal/errs"
)

const flagInputsFrom = "inputs-from"

// maxInputList bounds a list of inputs, in bytes: it goes into the job's record, which is read and written whole.
const maxInputList = 1 << 20

// inputsFromFlag is the flag of run and submit.
func inputsFromFlag() cli.Flag {
	return &cli.StringFlag{Name: flagInputsFrom, Usage: "read further inputs from `FILE`, one a line, blank lines and such that begin with # left out; - is standard input; at most 1 MiB: name folders or globs for more"}
}

// listedInputs adds to the inputs those that --inputs-from lists.
func (p *program) listedInputs(c *cli.Context, inputs []string) ([]string, error) {
	from := c.String(flagInputsFrom)
	if from == "" {
		if c.IsSet(flagInputsFrom) {
			return nil, next(errs.New(errs.Invalid, "--%s: it names no file", flagInputsFrom), "name a file, or - for standard input")
		}
		return inputs, nil
	}
	var list []string
	var err error
	if from != stdin || !slices.Contains(inputs, stdin) {
		if list, err = p.readInputList(from); err != nil {
			return nil, err
		}
	}
	inputs = append(slices.Clip(inputs), list...)
	if from == stdin && slices.Contains(inputs, stdin) {
		return nil, next(errs.New(errs.Invalid, "--%s - and the input - both want standard input", flagInputsFrom), "put one of them into a file")
	}
	return inputs, nil
}

func (p *program) readInputList(from string) (list []string, err error) {
	in := p.stdin
	if from != stdin {
		f, err := os.Open(from)
		if err != nil {
			return nil, errs.E(errs.Invalid, "--"+flagInputsFrom, "", err)
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxInputList+1))
	if err != nil {
		return nil, errs.E(errs.Invalid, "--"+flagInputsFrom, from, err)
	}
	if len(text) > maxInputList {
		return nil, next(errs.New(errs.Invalid, "--%s %s: the list has more than 1 MiB", flagInputsFrom, from), "name folders or globs, or make several jobs")
	}
	for line := range bytes.Lines(text) {
		uri := strings.TrimSpace(string(line))
		if uri == "" || uri[0] == '#' {
			continue
		}
		list = append(list, uri)
	}
	if len(list) == 0 {
		return nil, errs.New(errs.Invalid, "--%s %s: no input is listed there", flagInputsFrom, from)
	}
	return list, nil
}
