package lint

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Limits on the length of a source file, in lines. Generated files are exempt.
const (
	maxLines    = 700
	medianLines = 150
)

// file is a source file of the module that people wrote.
type file struct {
	path string // from the root of the tree
	text []byte
	ast  *ast.File
}

func (f file) test() bool { return strings.HasSuffix(f.path, "_test.go") }

// sources parses all Go files of the main module but generated ones.
func sources(t *testing.T) (*token.FileSet, []file) {
	t.Helper()
	const root = "../.."
	set := token.NewFileSet()
	var all []file
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != root && (name == "tools" || name == "testdata" || strings.HasPrefix(name, ".")) {
			return filepath.SkipDir
		}
		if d.IsDir() || filepath.Ext(path) != ".go" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		tree, err := parser.ParseFile(set, path, text, parser.ParseComments)
		if err != nil {
			return err
		}
		if !ast.IsGenerated(tree) {
			all = append(all, file{strings.TrimPrefix(filepath.ToSlash(path), root+"/"), text, tree})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return set, all
}

func TestFilesAreShort(t *testing.T) {
	var lengths []int
	_, all := sources(t)
	for _, f := range all {
		n := bytes.Count(f.text, []byte("\n"))
		if n > maxLines {
			t.Errorf("%s has %d lines: above %d a file holds more than one idea, so split it", f.path, n, maxLines)
		}
		if !f.test() {
			lengths = append(lengths, n)
		}
	}
	slices.Sort(lengths)
	if m := lengths[len(lengths)/2]; m > medianLines {
		t.Errorf("half of the %d source files are longer than %d lines, where half should be below %d", len(lengths), m, medianLines)
	}
}

func TestPackagesAreDescribed(t *testing.T) {
	for _, p := range packages(t) {
		if p.Doc == "" && len(p.GoFiles) > 0 {
			t.Errorf("%s has no package comment: one sentence or more saying what it is for", p.ImportPath)
		}
	}
}

func TestExportedThingsAreDescribed(t *testing.T) {
	set, all := sources(t)
	for _, f := range all {
		if f.test() || f.ast.Name.Name == "main" {
			continue
		}
		for _, d := range f.ast.Decls {
			for _, name := range undescribed(d) {
				t.Errorf("%s: %s is exported and has no comment", set.Position(name.Pos()), name.Name)
			}
		}
	}
}

// undescribed names what a declaration exports without a comment on itself, on its line or on its group. The second and
// later of several names, methods that fulfill a well-known interface, and the values of a type of our own, which has a
// comment, need none.
func undescribed(d ast.Decl) []*ast.Ident {
	var bare []*ast.Ident
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Doc == nil && d.Name.IsExported() && !(d.Recv != nil && (wellKnown[d.Name.Name] || !exportedReceiver(d.Recv))) {
			bare = append(bare, d.Name)
		}
	case *ast.GenDecl:
		if d.Doc != nil || d.Tok == token.CONST && d.Lparen.IsValid() && d.Specs[0].(*ast.ValueSpec).Type != nil {
			break
		}
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				if s.Doc == nil && s.Comment == nil && s.Name.IsExported() {
					bare = append(bare, s.Name)
				}
			case *ast.ValueSpec:
				if s.Doc == nil && s.Comment == nil && s.Names[0].IsExported() {
					bare = append(bare, s.Names[0])
				}
			}
		}
	}
	return bare
}

var wellKnown = map[string]bool{"Error": true, "Unwrap": true, "Is": true, "String": true, "Close": true, "Read": true,
	"Write": true, "Len": true, "Less": true, "Swap": true, "MarshalJSON": true, "UnmarshalJSON": true}

func exportedReceiver(recv *ast.FieldList) bool {
	t := recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return true
		}
	}
}

func TestTestsDoNotSleep(t *testing.T) {
	set, all := sources(t)
	bubbles := map[string]bool{} // folders whose tests run in synctest bubbles, where sleeping takes no time
	for _, f := range all {
		if f.test() && importsPath(f.ast, "testing/synctest") {
			bubbles[filepath.Dir(f.path)] = true
		}
	}
	for _, f := range all {
		if !f.test() || bubbles[filepath.Dir(f.path)] {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "Sleep" {
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" {
					t.Errorf("%s: time.Sleep in a test: wait for the condition itself, or use testing/synctest", set.Position(n.Pos()))
				}
			}
			return true
		})
	}
}

func importsPath(f *ast.File, path string) bool {
	return slices.ContainsFunc(f.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"`+path+`"` })
}

var toolVersion = regexp.MustCompile(`(?m)^\s*(?:require )?(\S+) (v\S+)`)

// The Makefile names the folder of a tool after its version; a folder of the same name is not built again.
func TestToolVersionsAgree(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for mod, tools := range map[string]map[string]string{
		"tools": {
			"google.golang.org/protobuf":                    "protoc-gen-go-",
			"google.golang.org/grpc/cmd/protoc-gen-go-grpc": "protoc-gen-go-grpc-",
			"gotest.tools/gotestsum":                        "gotestsum-",
		},
		"tools/buf":  {"github.com/bufbuild/buf": "buf-"},
		"tools/lint": {"github.com/golangci/golangci-lint/v2": "golangci-"},
	} {
		text, err := os.ReadFile("../../" + mod + "/go.mod")
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range toolVersion.FindAllSubmatch(text, -1) {
			if dir, ok := tools[string(m[1])]; ok {
				if want := "/" + dir + string(m[2]) + "/"; !bytes.Contains(makefile, []byte(want)) {
					t.Errorf("%s/go.mod has %s %s, but the Makefile names no folder %s", mod, m[1], m[2], want)
				}
				delete(tools, string(m[1]))
			}
		}
		for module := range tools {
			t.Errorf("%s/go.mod names no version of %s", mod, module)
		}
	}
}
