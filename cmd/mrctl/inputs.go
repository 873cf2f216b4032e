package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/storage/dataset"
)

// flagInput gives an input that has a name.
const flagInput = "input"

// inputsOf reads the inputs of a job and their formats: arguments, or --input NAME=URI where they have names.
func inputsOf(c *cli.Context, what subject, job *spec.Job) error {
	named := c.StringSlice(flagInput)
	if len(named) == 0 {
		formats := c.StringSlice("input-format")
		if len(formats) > 1 {
			return errs.New(errs.Invalid, "--input-format was given %d times, and the input has no name", len(formats))
		}
		job.InputFormat = withDialect(c, strings.Join(formats, ""))
		if err := dataset.CheckFormat(job.InputFormat); err != nil {
			return err
		}
		return appendURIs(&job.Inputs, what.inputs)
	}
	if len(what.inputs) > 0 {
		return next(errs.New(errs.Invalid, "input %s has no name, and others are given by --input", what.inputs[0]), "write --input NAME=%s", what.inputs[0])
	}
	if dialect := withDialect(c, ""); dialect != "" {
		return next(errs.New(errs.Invalid, "which input are --csv-delimiter, --csv-lines and --no-header for?"),
			"say it with the format: --input-format NAME=csv%s", strings.TrimPrefix(dialect, "auto"))
	}
	job.NamedInputs, job.NamedFormats = map[string][]string{}, map[string]string{}
	for _, given := range named {
		name, uris, ok := strings.Cut(given, "=")
		if !ok || name == "" || uris == "" {
			return next(errs.New(errs.Invalid, "--input %s: it is NAME=URI", given), "write --input users=s3://crm/users.csv, say")
		}
		list := job.NamedInputs[name]
		if err := appendURIs(&list, strings.Split(uris, ",")); err != nil {
			return err
		}
		job.NamedInputs[name] = list
	}
	for _, given := range c.StringSlice("input-format") {
		name, format, ok := strings.Cut(given, "=")
		if _, known := job.NamedInputs[name]; !ok || !known {
			return next(errs.New(errs.Invalid, "--input-format %s: which input is it for?", given), "write --input-format NAME=FORMAT, with a NAME that --input gives")
		}
		if err := dataset.CheckFormat(format); err != nil {
			return err
		}
		job.NamedFormats[name] = format
	}
	return nil
}

func appendURIs(list *[]string, uris []string) error {
	for _, uri := range uris {
		uri, err := absolute(uri)
		if err != nil {
			return err
		}
		*list = append(*list, uri)
	}
	return nil
}

// matchInputs holds the inputs of a job against those that its plugin has, and settles their formats.
func matchInputs(job *spec.Job, stage *pluginv1.Stage) error {
	var names []string
	for _, in := range stage.GetInputs() {
		names = append(names, in.GetName())
	}
	if err := job.MatchInputs(names); err != nil {
		return err
	}
	for i := range max(1, len(names)) {
		in := boundary.InputOf(stage, i)
		_, format := job.InputOf(in.GetName())
		format, err := dataset.FormatFor(format, in.GetInputKind() == pluginv1.Stage_INPUT_KIND_ROW)
		switch {
		case err != nil && slices.Contains(names, in.GetName()):
			return fmt.Errorf("input %s: %w", in.GetName(), err)
		case err != nil:
			return err
		case len(names) == 0:
			job.InputFormat = format
		default:
			job.NamedFormats[in.GetName()] = format
		}
	}
	return nil
}
