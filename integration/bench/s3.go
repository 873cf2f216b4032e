package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/mrctl/mrctl/integration/bench/answer"
	"github.com/mrctl/mrctl/integration/bench/gen"
	"github.com/mrctl/mrctl/integration/bench/harness"
	"github.com/mrctl/mrctl/integration/bench/measure"
	"github.com/mrctl/mrctl/integration/bucket"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/s3server"
)

// overS3 counts words from a bucket into a bucket. The server keeps its objects as plain files, so that the answer can be
// read like any other.
func overS3(ctx context.Context, k *kit) (c harness.Case, done func() error, err error) {
	text, err := k.data(ctx, gen.Text, k.size)
	if err != nil {
		return c, nil, err
	}
	local, err := k.mrctlRun(ctx, "examples/wordcount", text)
	if err != nil {
		return c, nil, err
	}
	folder := harness.Side{Name: "folders", Command: local, Answer: answer.Lines}
	objects := filepath.Join(k.scratch, "objects")
	server, err := s3server.Start(ctx, s3server.VersityGW, objects)
	if errs.Is(err, errs.NotFound) {
		return harness.Case{Sides: []harness.Side{{Name: "S3", Missing: err.Error()}, folder}}, nil, nil
	}
	if err != nil {
		return c, nil, err
	}
	done = server.Stop
	defer func() {
		if err != nil {
			err, done = errors.Join(err, server.Stop()), nil
		}
	}()
	client, err := bucket.Dial(server.Endpoint, server.AccessKey, server.SecretKey)
	if err != nil {
		return c, nil, err
	}
	if n, _, err := client.Upload(ctx, s3server.Bucket, "input/", filepath.Dir(text)); err != nil || n != 1 {
		return c, nil, errors.Join(fmt.Errorf("%d objects uploaded", n), err)
	}
	remote, err := k.mrctlRun(ctx, "examples/wordcount", "s3://"+s3server.Bucket+"/input/"+filepath.Base(text))
	if err != nil {
		return c, nil, err
	}
	env := []string{
		"AWS_ENDPOINT_URL=" + server.Endpoint, "AWS_ACCESS_KEY_ID=" + server.AccessKey, "AWS_SECRET_ACCESS_KEY=" + server.SecretKey,
		"AWS_REGION=us-east-1",
	}
	written := func(out string) string { return filepath.Join(objects, s3server.Bucket, filepath.Base(out)) }
	return harness.Case{
		Bytes: k.size, Inputs: []string{text}, Must: 1.35, Memory: k.memoryBytes(), Diff: nil,
		Sides: []harness.Side{{
			Name: "S3",
			Command: func(out string) measure.Command {
				c := remote("s3://" + s3server.Bucket + "/" + filepath.Base(out))
				c.Env = append(c.Env, env...)
				return c
			},
			Answer: func(out string) (answer.Digest, error) { return answer.Lines(written(out)) },
		}, folder},
	}, done, nil
}
