package streaming

import (
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mrctl/mrctl/internal/errs"
)

// Names of what Config.Fold may be.
const (
	Count = "count" // how often each line comes; the whole line is the key
	Sum   = "sum"   // of the values, which are whole numbers
	Min   = "min"
	Max   = "max"
)

// Names of what Config.Framing may be.
const (
	Lines  = "lines"  // a line each; key and value have a tab between them
	Binary = "binary" // 4 bytes of length, the highest first, before each record, key, value and row
)

// Config is a job made of commands, each for /bin/sh -c. The zero Config sorts lines.
type Config struct {
	Map     string // "": each record is the line of a pair
	Combine string // "": nothing; else pairs in, pairs out, any number of times before the reduce
	Reduce  string // "": the pairs are the result
	Fold    string // instead of Combine and Reduce: Count, Sum, Min or Max
	MapOnly bool   // what Map writes is the result, in the order of the input: nothing is cut at a tab, sorted or reduced
	Framing string // "" is Lines
	// KeyFields is how many fields, with tabs between them, are the key of a line; 0 is 1. SortValues has the lines of a key come in
	// the order of their bytes.
	KeyFields  int
	SortValues bool
	OKExit     []int  // exit codes besides 0 that are no failure
	Files      []File // in the folder of each command
	// Columns gives the result as columns (key and value, or line where there is a Reduce or MapOnly); without it a row is the bytes of
	// a line with its end, for the output format records. A Fold has columns anyway.
	Columns bool
}

// Check says what is wrong.
func (c Config) Check() error {
	switch {
	case !slices.Contains([]string{"", Count, Sum, Min, Max}, c.Fold):
		return errs.New(errs.Invalid, "--fold %s: it is %s, %s, %s or %s", c.Fold, Count, Sum, Min, Max)
	case c.Fold != "" && (c.Reduce != "" || c.Combine != ""):
		return errs.New(errs.Invalid, "--fold %s is all of the reduce: leave --reduce and --combine out", c.Fold)
	case c.MapOnly && (c.Reduce != "" || c.Combine != "" || c.Fold != ""):
		return errs.New(errs.Invalid, "--map-only: what the map command writes is the result; leave --reduce, --combine and --fold out")
	case c.MapOnly && c.Map == "":
		return errs.New(errs.Invalid, "--map-only needs --map, the command whose lines are the result")
	case c.Framing != "" && c.Framing != Lines && c.Framing != Binary:
		return errs.New(errs.Invalid, "--framing %s: it is %s or %s", c.Framing, Lines, Binary)
	case c.Framing == Binary && c.Map == "":
		return errs.New(errs.Invalid, "--framing binary needs --map, which makes pairs of the records")
	}
	for _, s := range []string{c.Map, c.Combine, c.Reduce} {
		if strings.IndexByte(s, 0) >= 0 || len(s) > maxCommand {
			return errs.New(errs.Invalid, "command %.40q: it has a NUL byte, or more than %d bytes", s, maxCommand)
		}
	}
	if err := c.checkKeys(); err != nil {
		return err
	}
	return checkFiles(c.Files)
}

// maxCommand bounds a command, in bytes: it is an argument of a process, and Linux takes 128 KiB.
const maxCommand = 64 << 10

// Args are the arguments that have this binary serve the job.
func (c Config) Args() []string {
	args := []string{Verb}
	add := func(name, value string) {
		if value != "" {
			args = append(args, "-"+name+"="+value)
		}
	}
	add("map", c.Map)
	add("combine", c.Combine)
	add("reduce", c.Reduce)
	add("fold", c.Fold)
	add("framing", c.Framing)
	codes := make([]string, len(c.OKExit))
	for i, n := range c.OKExit {
		codes[i] = strconv.Itoa(n)
	}
	add("ok-exit", strings.Join(codes, ","))
	for _, f := range c.Files {
		args = append(args, "-file="+f.arg())
	}
	if c.KeyFields != 0 {
		add("key-fields", strconv.Itoa(c.KeyFields))
	}
	if c.SortValues {
		args = append(args, "-sort-values")
	}
	if c.MapOnly {
		args = append(args, "-map-only")
	}
	if c.Columns {
		args = append(args, "-columns")
	}
	return args
}

// define defines the flags that Args gives.
func (c *Config) define(fs *flag.FlagSet) {
	fs.StringVar(&c.Map, "map", "", "the map command")
	fs.StringVar(&c.Combine, "combine", "", "the combine command")
	fs.StringVar(&c.Reduce, "reduce", "", "the reduce command")
	fs.StringVar(&c.Fold, "fold", "", "count, sum, min or max")
	fs.StringVar(&c.Framing, "framing", "", "lines or binary")
	fs.BoolVar(&c.MapOnly, "map-only", false, "what the map command writes is the result")
	fs.IntVar(&c.KeyFields, "key-fields", 0, "how many fields are the key")
	fs.BoolVar(&c.SortValues, "sort-values", false, "the lines of a key in order")
	fs.BoolVar(&c.Columns, "columns", false, "the result in columns")
	fs.Func("file", "a file for the commands, NAME=BASE64", func(s string) error {
		f, err := fileOf(s)
		c.Files = append(c.Files, f)
		return err
	})
	fs.Func("ok-exit", "exit codes that are no failure", func(s string) (err error) {
		c.OKExit, err = ParseCodes(s)
		return err
	})
}

// ParseCodes reads exit codes with commas between them.
func ParseCodes(s string) (codes []int, err error) {
	for word := range strings.SplitSeq(s, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(word))
		if err != nil || n < 0 || n > 255 {
			return nil, errs.E(errs.Invalid, "exit codes", s, fmt.Errorf("%q is no number from 0 to 255", word))
		}
		codes = append(codes, n)
	}
	return codes, nil
}
