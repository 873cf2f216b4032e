package main

import (
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/worker/pluginhost"
)

// here is the platform of this machine, as it is written in a job.
const here = runtime.GOOS + "/" + runtime.GOARCH

// plugin is the PLUGIN argument once it is known what it is.
type plugin struct {
	arg      string
	source   string              // folder of a Go package, or ""
	digest   string              // sha256 of a binary that is in the store already, or ""
	binaries map[string]string   // platform -> path of a binary
	scratch  string              // folder for what is built
	name     string              // of its stage, once described
	process  *pluginhost.Process // that described it, until it is closed
	debug    bool                // it is built for debuggers
}

// close ends the process that was asked what the plugin is, if it has not been ended.
func (pl *plugin) close() error {
	if pl == nil || pl.process == nil {
		return nil
	}
	return pl.process.Close()
}

// resolvePlugin says what a PLUGIN argument is and has a binary made of it for this machine, which check runs.
func resolvePlugin(ctx context.Context, arg, scratch string, stderr io.Writer) (*plugin, error) {
	return resolveFor(ctx, arg, scratch, stderr, false)
}

// resolveFor is resolvePlugin; what has to be built is built for debuggers if that is asked.
func resolveFor(ctx context.Context, arg, scratch string, stderr io.Writer, debug bool) (*plugin, error) {
	pl := &plugin{arg: arg, scratch: scratch, binaries: map[string]string{}, debug: debug}
	if digest, ok := strings.CutPrefix(arg, "sha256:"); ok {
		if raw, err := hex.DecodeString(digest); err != nil || len(raw) != sha256.Size {
			return nil, errs.New(errs.Invalid, "plugin %s: sha256: is followed by 64 hexadecimal digits", arg)
		}
		pl.digest = strings.ToLower(digest)
		return pl, nil
	}
	info, err := os.Stat(arg)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, next(errs.New(errs.NotFound, "plugin %s: there is no such file or folder", arg),
			"name the folder of a Go program, a binary, or sha256:... of one in the store")
	case err != nil:
		return nil, errs.E(errs.Invalid, "plugin", "", err)
	case info.IsDir():
		if pl.source, err = filepath.Abs(arg); err != nil {
			return nil, errs.E(errs.Invalid, "plugin", arg, err)
		}
		return pl, pl.build(ctx, here, stderr)
	case strings.HasSuffix(arg, ".go"):
		return nil, next(errs.New(errs.Invalid, "plugin %s: a single file is no program", arg),
			"name its folder: %s", filepath.Dir(arg))
	}
	platform := here
	if built, err := buildinfo.ReadFile(arg); err == nil { // else: not made by Go, so take the user's word
		settings := map[string]string{}
		for _, s := range built.Settings {
			settings[s.Key] = s.Value
		}
		if settings["GOOS"] != "" && settings["GOARCH"] != "" {
			platform = settings["GOOS"] + "/" + settings["GOARCH"]
		}
	}
	if platform != here {
		return nil, next(errs.New(errs.Invalid, "plugin %s: it is built for %s and cannot be checked on %s", arg, platform, here),
			"name the folder of its source: it is built for the machines that need it")
	}
	if pl.binaries[platform], err = filepath.Abs(arg); err != nil {
		return nil, errs.E(errs.Invalid, "plugin", arg, err)
	}
	return pl, nil
}

// check starts the plugin as how says, with its flags, and asks what it is, so that a wrong flag is found before anything
// is stored. The process waits for more until close.
func (pl *plugin) check(ctx context.Context, store storage.Store, how pluginhost.Spec) (*pluginv1.DescribeResponse, error) {
	if pl.digest != "" && pl.binaries[here] == "" {
		path, err := fetchPlugin(ctx, store, pl.digest, pl.scratch)
		if err != nil {
			return nil, err
		}
		pl.binaries[here] = path
	}
	how.Path = pl.binaries[here]
	var err error
	if pl.process, err = pluginhost.New(pluginhost.Config{}).Open(ctx, how); err != nil {
		if context.Cause(ctx) != nil {
			return nil, context.Cause(ctx)
		}
		return nil, next(errs.E(errs.Invalid, "plugin", pl.arg, err),
			"it has to be a program whose main calls jobs.Main; run it by hand to see what it says")
	}
	desc := pl.process.Describe()
	if desc.Invalid != "" {
		return nil, next(errs.New(errs.Invalid, "plugin %s: %s", pl.arg, desc.Invalid), "%s", pluginFlags(desc))
	}
	if len(desc.Stages) == 0 {
		return nil, errs.New(errs.Invalid, "plugin %s: it has no stage", pl.arg)
	}
	if err := boundary.CheckStages(desc.Stages); err != nil {
		return nil, fmt.Errorf("plugin %s: %w", pl.arg, err)
	}
	pl.name = desc.Stages[len(desc.Stages)-1].Name // what the result is of
	return desc, nil
}

// pluginFlags lists the flags of a plugin in a line.
func pluginFlags(desc *pluginv1.DescribeResponse) string {
	if len(desc.Flags) == 0 {
		return "the job itself is at fault: see its source"
	}
	var names []string
	for _, f := range desc.Flags {
		names = append(names, "-"+f.Name)
	}
	slices.Sort(names)
	return "its flags are " + strings.Join(names, ", ")
}

// upload puts a binary for each platform into the store, if it is not there, and names their digests. A plugin that is
// not source has one platform whatever is asked for.
func (pl *plugin) upload(ctx context.Context, store storage.Store, platforms []string, stderr io.Writer) (map[string]string, error) {
	if pl.digest != "" {
		return map[string]string{here: pl.digest}, nil
	}
	if pl.source == "" || len(platforms) == 0 {
		platforms = []string{here}
	}
	digests := map[string]string{}
	for _, platform := range platforms {
		if pl.binaries[platform] == "" {
			if err := pl.build(ctx, platform, stderr); err != nil {
				return nil, err
			}
		}
		digest, err := uploadBinary(ctx, store, pl.binaries[platform])
		if err != nil {
			return nil, fmt.Errorf("upload plugin %s: %w", pl.arg, err)
		}
		digests[platform] = digest
	}
	return digests, nil
}

// sum is the digest of the binary for this machine.
func (pl *plugin) sum() (digest string, err error) {
	f, err := os.Open(pl.binaries[here])
	if err != nil {
		return "", errs.E(errs.Invalid, "plugin", pl.arg, err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", errs.E(errs.Other, "read", pl.binaries[here], err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// uploadBinary stores a file under its digest. Whoever else does the same stores the same bytes, so losing the race is
// success.
func uploadBinary(ctx context.Context, store storage.Store, path string) (digest string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", errs.E(errs.Invalid, "", "", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", errs.E(errs.Other, "read", path, err)
	}
	digest = hex.EncodeToString(h.Sum(nil))
	key := ledger.PluginKey(digest)
	if _, err := store.Stat(ctx, key); !errors.Is(err, storage.ErrNotExist) {
		return digest, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", errs.E(errs.Other, "read", path, err)
	}
	w, err := store.Create(ctx, key, nil)
	if err != nil {
		return "", err
	}
	h.Reset()
	if _, err = io.Copy(io.MultiWriter(w, h), f); err == nil && hex.EncodeToString(h.Sum(nil)) != digest {
		err = errs.New(errs.Conflict, "%s: it was changed while it was read", path)
	}
	if err != nil {
		return "", errors.Join(err, w.Abort())
	}
	token, err := w.Stage(ctx)
	if err != nil {
		return "", err
	}
	_, err = store.Publish(ctx, token)
	if errors.Is(err, storage.ErrUnknown) {
		_, err = store.Publish(ctx, token) // idempotent
	}
	if errors.Is(err, storage.ErrPrecondition) {
		return digest, store.Discard(ctx, token)
	}
	return digest, err
}

// fetchPlugin lands a binary of the store in a file and checks that it is what it is called.
func fetchPlugin(ctx context.Context, store storage.Store, digest, dir string) (path string, err error) {
	body, _, err := store.Open(ctx, ledger.PluginKey(digest), 0, -1)
	if errors.Is(err, storage.ErrNotExist) {
		return "", next(errs.New(errs.NotFound, "plugin sha256:%s: the store has none of that digest", digest),
			"give the binary or its folder once; it is stored then")
	}
	if err != nil {
		return "", err
	}
	defer body.Close()
	path = filepath.Join(dir, digest[:16])
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o700)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(f, h), body); err != nil {
		return "", fmt.Errorf("fetch plugin sha256:%s: %w", digest, err)
	}
	if hex.EncodeToString(h.Sum(nil)) != digest {
		return "", errs.New(errs.Corrupt, "plugin sha256:%s: the store holds other bytes under that name", digest)
	}
	return path, nil
}
