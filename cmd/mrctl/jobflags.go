package main

import (
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/jobs/spec"
)

// stdout is the -o that prints the result.
const stdout = "-"

// jobFlags are the flags of run and submit that describe the job.
func jobFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "o", Aliases: []string{"output"}, Usage: "`DIR|URI` for the result, a folder that is empty or not there yet; - prints it"},
		&cli.StringSliceFlag{Name: flagInput, Usage: "`NAME=URI[,URI...]`: what the input NAME of the job is; may be given again"},
		&cli.StringSliceFlag{Name: "input-format", Usage: "lines, files (or whole) or records:N (N bytes each); where the job maps structs csv, tsv, jsonl, parquet, arrow or auto (by file name); NAME=FORMAT for each input that has a name", DefaultText: "lines, or auto"},
		inputsFromFlag(),
		&cli.StringSliceFlag{Name: "side", Usage: "`NAME=PATH|URI`: a file that the plugin reads besides its input, brought to every worker once, unpacked if its name ends in .gz or .zst; may be given again"},
		&cli.StringFlag{Name: "csv-delimiter", Usage: "`CHARACTER` between the fields of CSV, or tab", DefaultText: "a comma, in .tsv a tab"},
		&cli.BoolFlag{Name: "csv-lines", Usage: "no field of the CSV holds a line break: large files are cut"},
		&cli.BoolFlag{Name: "no-header", Usage: "the CSV has no header: its columns are the struct's, in order"},
		&cli.StringFlag{Name: "output-format", Usage: "tsv, csv, jsonl (an object a line), parquet, arrow (an IPC file a part) or records (the bytes of the last column)", DefaultText: "tsv"},
		&cli.StringFlag{Name: "output-compression", Usage: "none, gzip or zstd, of formats of text: the parts are called part-00000.csv.gz and so on", DefaultText: "none"},
		&cli.BoolFlag{Name: flagSingle, Usage: "one part, in the order of its keys, made by one reduce task; run writes one file where -o names one (report.csv, words.tsv.gz, s3://b/all.parquet), whose format that says"},
		&cli.BoolFlag{Name: "sorted", Usage: "order the result overall: all keys of part-00000 are before those of part-00001, and so on; the parts are about equal, but the rows of a key stay together"},
		&cli.StringFlag{Name: "key-bytes", Usage: "sort by `OFF:LEN`, LEN bytes of each record from byte OFF on, such as 0:10 (with a plugin that is jobs.Identity)", DefaultText: "the whole record"},
		&cli.StringFlag{Name: "decompress", Usage: "auto (by file name: .gz, .zst, .bz2, .lz4, .xz) or none", DefaultText: "auto"},
		&cli.IntFlag{Name: "partitions", Usage: "`N` parts of the result, and reduce tasks", DefaultText: "by the size of the input"},
		&cli.StringFlag{Name: "split-size", Usage: "`BYTES` of input for a map task", DefaultText: "at most 512MiB, and enough for all slots"},
		&cli.IntFlag{Name: "max-attempts", Usage: "give up when a task has failed `N` times", DefaultText: "4"},
		&cli.Int64Flag{Name: "max-bad-records", Value: -1, Usage: "set aside at most `N` bad records, those too that kill the plugin, and list them beside the output", DefaultText: "any number, but none that kill, and no list"},
		&cli.DurationFlag{Name: "record-timeout", Usage: "a record that Map takes longer than `TIME` for is bad, such as 30s", DefaultText: "none"},
		&cli.DurationFlag{Name: "attempt-timeout", Usage: "an attempt of a task that takes longer than `TIME` fails", DefaultText: "none"},
		&cli.StringFlag{Name: "max-record", Usage: "a record above `BYTES` is bad", DefaultText: "a quarter of the memory, at most 256MiB"},
		&cli.StringFlag{Name: "nondeterministic", Usage: "when the map gives something else as it runs again after a crash: rerun (the reduces that used what it gave before) or fail", DefaultText: "rerun"},
		&cli.StringFlag{Name: "shuffle", Usage: "keep what maps leave with the `worker` that made it, or in the store as well: then losing every worker costs nothing finished", DefaultText: "worker"},
		&cli.BoolFlag{Name: "no-backup", Usage: "do not start a slow task a second time elsewhere to take the first result"},
		&cli.IntFlag{Name: "priority", Usage: "jobs of a higher `N` go first", DefaultText: "0"},
		&cli.StringFlag{Name: "request-id", Usage: "submitting the same `ID` again gives the same job"},
	}
}

// jobOf turns flags into a job, without the plugin.
func jobOf(c *cli.Context, what subject) (job spec.Job, err error) {
	job = spec.Job{
		Decompress:       c.String("decompress"),
		MaxAttempts:      c.Int("max-attempts"),
		MaxBadRecords:    c.Int64("max-bad-records"),
		RecordTimeout:    c.Duration("record-timeout"),
		AttemptTimeout:   c.Duration("attempt-timeout"),
		Priority:         c.Int("priority"),
		RequestID:        c.String("request-id"),
		Keys:             c.String("key-bytes"),
		Sorted:           c.Bool("sorted"),
		SharedFS:         c.Bool("shared-fs"),
		Nondeterministic: c.String("nondeterministic"),
		Shuffle:          c.String("shuffle"),
		NoBackup:         c.Bool("no-backup"),
	}
	if err := inputsOf(c, what, &job); err != nil {
		return job, err
	}
	format, err := formatOf(c, what.format)
	if err != nil {
		return job, err
	}
	job.OutputFormat = string(format)
	if job.Partitions, err = partitionsOf(c); err != nil {
		return job, err
	}
	if n := job.Nondeterministic; n != "" && n != spec.Rerun && n != spec.Fail {
		return job, errs.New(errs.Invalid, "--nondeterministic %q: it is %s or %s", n, spec.Rerun, spec.Fail)
	}
	if s := job.Shuffle; s != "" && s != spec.ShuffleWorker && s != spec.ShuffleStore {
		return job, errs.New(errs.Invalid, "--shuffle %s: it is %s or %s", s, spec.ShuffleWorker, spec.ShuffleStore)
	}
	if _, err := job.KeyBytes(); err != nil {
		return job, next(err, "mrctl %s --help explains --key-bytes", c.Command.Name)
	}
	if job.SplitSize, err = sizeFlag(c, "split-size", 0); err != nil {
		return job, err
	}
	if job.MaxRecord, err = sizeFlag(c, "max-record", 0); err != nil {
		return job, err
	}
	if job.Sides, err = sidesOf(c); err != nil {
		return job, err
	}
	if out := c.String("o"); out != "" && out != stdout {
		if job.Output, err = absolute(out); err != nil {
			return job, err
		}
	}
	if job.Output == "" {
		switch base := format.Base(); {
		case !base.Text():
			return job, next(errs.New(errs.Invalid, "a result of format %s is a file for each part and cannot be printed", base), "name a folder for it with -o")
		case format != "" && format != base:
			return job, next(errs.New(errs.Invalid, "what is printed is not compressed"), "name a folder with -o, or print it and pipe it through a compressor")
		}
	}
	return job.WithDefaults(), nil
}

// withDialect adds to an input format what the flags say of CSV.
func withDialect(c *cli.Context, format string) string {
	var options []string
	if d := c.String("csv-delimiter"); d != "" {
		options = append(options, "delimiter="+d)
	}
	if c.Bool("csv-lines") {
		options = append(options, "lines")
	}
	if c.Bool("no-header") {
		options = append(options, "no-header")
	}
	switch {
	case len(options) == 0:
		return format
	case format == "":
		format = "auto"
	}
	if strings.Contains(format, ":") {
		return format + "," + strings.Join(options, ",")
	}
	return format + ":" + strings.Join(options, ",")
}

// sizeFlag reads a flag that is a number of bytes; one that was not given is 0.
func sizeFlag(c *cli.Context, name string, whole int64) (int64, error) {
	s := c.String(name)
	if s == "" {
		return 0, nil
	}
	n, err := parseSize(s, whole)
	if err != nil {
		return 0, next(err, "mrctl %s --help explains --%s", c.Command.Name, name)
	}
	return n, nil
}
