package jobs

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
)

// handSides are the side files of a job that is run by hand, as its flag -side gives them: name=path.
type handSides struct {
	wanted []string
	given  []*pluginv1.Side
	late   bool // the flags were parsed before the flag could be defined
}

// sideFlag defines the flag where a stage has side files.
func sideFlag(fs *flag.FlagSet, stages []Stage) *handSides {
	h := &handSides{}
	for _, s := range stages {
		if p, ok := s.(interface{ sideData() []SideData }); ok {
			names, _ := sideNames(p.sideData()) // what is wrong with them the stage's Program says
			h.wanted = append(h.wanted, names...)
		}
	}
	if h.late = fs.Parsed(); len(h.wanted) > 0 && !h.late && fs.Lookup("side") == nil {
		fs.Var(h, "side", "`NAME=FILE`: where a side file lies; may be given again ("+strings.Join(h.wanted, ", ")+")")
	}
	return h
}

func (j Job[In, K, V, Out]) sideData() []SideData { return j.Sides }

// String implements flag.Value.
func (h *handSides) String() string { return "" }

// Set implements flag.Value.
func (h *handSides) Set(text string) error {
	name, file, ok := strings.Cut(text, "=")
	path, err := filepath.Abs(file)
	switch {
	case !ok || file == "":
		return fmt.Errorf("it is NAME=FILE")
	case !slices.Contains(h.wanted, name):
		return fmt.Errorf("the job has no side file %q, only %s", name, strings.Join(h.wanted, ", "))
	case err != nil:
		return err
	}
	switch filepath.Ext(path) {
	case ".gz", ".zst":
		return fmt.Errorf("%s is compressed: by hand it has to be unpacked first", file)
	}
	if _, err := os.Stat(path); err != nil {
		return err
	}
	h.given = append(h.given, &pluginv1.Side{Name: name, Path: path})
	return nil
}

// check says which files are missing.
func (h *handSides) check() error {
	if h.late && len(h.wanted) > 0 {
		return fmt.Errorf("the job needs the side files %s, and jobs.Main defines the flag -side for them: leave flag.Parse to it", strings.Join(h.wanted, ", "))
	}
	for _, name := range h.wanted {
		if !slices.ContainsFunc(h.given, func(s *pluginv1.Side) bool { return s.GetName() == name }) {
			return fmt.Errorf("the job needs the side file %s: say where it is with -side %s=FILE", name, name)
		}
	}
	return nil
}
