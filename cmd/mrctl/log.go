package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/mrctl/mrctl/internal/errs"
)

// newLog writes JSON lines from the level of --log-level up, or from the given one.
func newLog(c *cli.Context, w io.Writer, level zapcore.Level) (*zap.Logger, error) {
	if text := c.String(flagLogLevel); text != "" {
		var err error
		if level, err = zapcore.ParseLevel(text); err != nil {
			return nil, errs.New(errs.Invalid, "--log-level %q: it is debug, info, warn or error", text)
		}
	}
	enc := zap.NewProductionEncoderConfig()
	enc.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	enc.EncodeDuration = zapcore.StringDurationEncoder
	core := zapcore.NewCore(zapcore.NewJSONEncoder(enc), zapcore.Lock(zapcore.AddSync(w)), level)
	return zap.New(core), nil
}

// runLog is the log of the servers within a run: a file beside its records, or stderr if --log-level asks for a log.
func (p *program) runLog(c *cli.Context, r *room) (*zap.Logger, func(), error) {
	if c.String(flagLogLevel) != "" || r.own == nil {
		log, err := newLog(c, p.stderr, zapcore.WarnLevel)
		return log, func() {}, err
	}
	f, err := os.OpenFile(filepath.Join(r.own.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, err
	}
	log, err := newLog(c, f, zapcore.InfoLevel)
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return log, func() { _ = f.Close() }, nil // losing the end of a log harms nothing
}
