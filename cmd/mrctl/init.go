package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"github.com/urfave/cli/v2"

	"github.com/mrctl/mrctl/internal/errs"
)

// sdkModule is what every job imports.
const sdkModule = "github.com/mrctl/mrctl"

// starters are the files of new plugins, by template; each is a text/template of a starter.
//
//go:embed all:starter
var starters embed.FS

// starter is what the files of a new plugin are filled in with.
type starter struct {
	Name     string // of the job
	Module   string
	Go       string   // version of the language
	Requires []module // of its go.mod
	SDK      string   // the folder that takes the place of the module, or ""
	sums     []byte   // its go.sum
}

type module struct{ Path, Version string }

func (p *program) initCommand() *cli.Command {
	return &cli.Command{
		Name:      "init",
		Usage:     "write a new plugin: a small job that builds, with a test",
		ArgsUsage: "NAME",
		Description: `NAME is the folder to make; its last element is the name of the job. The module asks for the version of
mrctl that this is, or takes the jobs package from a checkout: --sdk names it, and one that the folder is in or
beside, or that this mrctl was built in, is found.

  mrctl init letters
  mrctl init --template rows --module example.com/sales sales`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "template", Value: "lines", Usage: "what the job reads: lines (of text) or rows (structs, of CSV or JSON)"},
			&cli.StringFlag{Name: "module", Usage: "`PATH` of the module", DefaultText: "example.com/NAME"},
			&cli.StringFlag{Name: "sdk", Usage: "`DIR` of a checkout of mrctl to build with"},
		},
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return next(errs.New(errs.Invalid, "init: it takes the one name of a folder to make"), "mrctl init letters")
			}
			dir := filepath.Clean(c.Args().First())
			s := starter{Name: filepath.Base(dir), Module: c.String("module")}
			if err := s.check(c.String("template")); err != nil {
				return err
			}
			if err := s.resolve(c.Context, dir, c.String("sdk")); err != nil {
				return err
			}
			files, err := s.files(c.String("template"))
			if err != nil {
				return err
			}
			if err := writeNew(dir, files); err != nil {
				return err
			}
			_, err = fmt.Fprintf(p.stdout, "wrote %s: %s\nnext:\n  cd %s && %sgo test .\n  go run . %s\n", dir,
				strings.Join(slices.DeleteFunc(names(files), func(n string) bool { return n == "go.sum" }), " "), dir, s.tidy(), sampleOf(files))
			return err
		},
	}
}

var starterNameRE = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

func (s *starter) check(templ string) error {
	if !starterNameRE.MatchString(s.Name) {
		return errs.New(errs.Invalid, "init %s: a job's name is 1 to 40 of a-z, 0-9 and -", s.Name)
	}
	if s.Module == "" {
		s.Module = "example.com/" + s.Name
	}
	if strings.ContainsAny(s.Module, " \t\n\"`\\") || path.Clean(s.Module) != s.Module || strings.HasPrefix(s.Module, "/") {
		return errs.New(errs.Invalid, "init --module %q: it is no path of a Go module", s.Module)
	}
	known, err := starters.ReadDir("starter")
	if err != nil {
		return err
	}
	var all []string
	for _, k := range known {
		if k.IsDir() {
			all = append(all, k.Name())
		}
	}
	if !slices.Contains(all, templ) {
		return errs.New(errs.Invalid, "init --template %s: the templates are %s", templ, strings.Join(all, " and "))
	}
	return nil
}

// resolve finds out what the new module is built with.
func (s *starter) resolve(ctx context.Context, dir, given string) error {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return errs.E(errs.Invalid, "init", dir, err)
	}
	sdk := given
	if sdk == "" {
		sdk = findSDK(abs)
	} else if sdk, err = filepath.Abs(sdk); err != nil {
		return errs.E(errs.Invalid, "init --sdk", given, err)
	}
	if sdk == "" {
		if !strings.HasPrefix(versionText(), "v") || strings.Contains(versionText(), "-") {
			return next(errs.New(errs.Invalid, "init %s: this mrctl (%s) is no release that a module could ask for", s.Name, versionText()),
				"name the checkout of mrctl to build with: --sdk DIR")
		}
		s.Go, s.Requires = "1.26", []module{{sdkModule, versionText()}}
		return nil
	}
	if !isSDK(sdk) {
		return errs.New(errs.Invalid, "init --sdk %s: its go.mod is not that of %s", given, sdkModule)
	}
	// All that the checkout requires is required here too, at the same versions: so the module builds as it is, with
	// what the checkout was built with and nothing to be fetched.
	cmd := exec.CommandContext(ctx, "go", "mod", "edit", "-json")
	cmd.Dir = sdk
	var words bytes.Buffer
	cmd.Stderr = &words
	out, err := cmd.Output()
	if errors.Is(err, exec.ErrNotFound) {
		return next(errs.E(errs.Invalid, "init", s.Name, err), "install Go: plugins are built with it")
	} else if err != nil {
		return errs.New(errs.Invalid, "init --sdk %s: go mod edit: %v\n%s", sdk, err, words.String())
	}
	var mod struct {
		Go      string
		Require []module
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		return errs.E(errs.Invalid, "init --sdk", sdk, err)
	}
	if s.sums, err = os.ReadFile(filepath.Join(sdk, "go.sum")); err != nil {
		return errs.E(errs.Invalid, "init --sdk", sdk, err)
	}
	s.SDK, s.Go, s.Requires = shorter(abs, sdk), mod.Go, mod.Require
	return nil
}

// findSDK looks for a checkout: one that dir is in, one beside it or beside a folder that it is in, or the one that this
// program was built in.
func findSDK(dir string) string {
	if d := sdkAbove(dir, true); d != "" {
		return d
	}
	self, err := os.Executable()
	if err != nil {
		return ""
	}
	return sdkAbove(self, false)
}

func sdkAbove(dir string, beside bool) string {
	for {
		up := filepath.Dir(dir)
		if up == dir {
			return ""
		}
		dir = up
		for _, d := range []string{dir, filepath.Join(dir, "mrctl")} {
			if (beside || d == dir) && isSDK(d) {
				return d
			}
		}
	}
}

func isSDK(dir string) bool {
	b, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	first, _, _ := strings.Cut(string(b), "\n")
	return err == nil && strings.TrimSpace(first) == "module "+sdkModule
}

// shorter is the way from one folder to another as go.mod writes it: relative if they are near each other.
func shorter(from, to string) string {
	rel, err := filepath.Rel(from, to)
	if err != nil || strings.Count(rel, "..") > 3 {
		return to
	}
	if !strings.HasPrefix(rel, "..") {
		rel = "./" + rel
	}
	return filepath.ToSlash(rel)
}

// tidy is what has to be done before the module builds.
func (s *starter) tidy() string {
	if s.SDK == "" {
		return "go mod tidy && "
	}
	return ""
}

// files are the files of the plugin, by name.
func (s *starter) files(templ string) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, dir := range []string{"starter", "starter/" + templ} {
		entries, err := starters.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if e.IsDir() {
				continue
			}
			t, err := template.ParseFS(starters, dir+"/"+e.Name())
			if err != nil {
				return nil, err
			}
			var b bytes.Buffer
			if err := t.Execute(&b, s); err != nil {
				return nil, err
			}
			files[strings.TrimSuffix(e.Name(), ".tmpl")] = b.Bytes()
		}
	}
	if s.sums != nil {
		files["go.sum"] = s.sums
	}
	return files, nil
}

func names(files map[string][]byte) []string {
	var all []string
	for n := range files {
		all = append(all, n)
	}
	slices.Sort(all)
	return all
}

// sampleOf is the file that the new job can be tried with.
func sampleOf(files map[string][]byte) string {
	for _, n := range names(files) {
		if strings.HasPrefix(n, "sample.") {
			return n
		}
	}
	return "FILE"
}

// writeNew writes the files of a folder, none of which may exist.
func writeNew(dir string, files map[string][]byte) error {
	for name := range files {
		if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			if err != nil {
				return errs.E(errs.Invalid, "init", dir, err)
			}
			return next(errs.New(errs.Conflict, "init %s: %s is there already, and is not overwritten", dir, name),
				"take another name, or move away what is there")
		}
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return errs.E(errs.Invalid, "init", dir, err)
	}
	for _, name := range names(files) {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return errs.E(errs.Invalid, "init", dir, err)
		}
		_, err = f.Write(files[name])
		if err = errors.Join(err, f.Close()); err != nil {
			return errs.E(errs.Other, "init", dir, err)
		}
	}
	return nil
}
