package jobfile

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/mrctl/mrctl/internal/errs"
)

var fields = []Field{
	{Name: "output", Path: true}, {Name: "partitions", Kind: Int}, {Name: "single", Kind: Bool},
	{Name: "record-timeout", Kind: Duration}, {Name: "memory", Kind: Size}, {Name: "file", Kind: List, Path: true}, {Name: "map"},
}

func beside(path string) string { return "/jobs/" + path }

func TestParse(t *testing.T) {
	text := `
# all of it
params: {day: 2026-11-22, top: null, n: 0x10}
plugin: ./hits
args: {by: status, top: "${top}"}
inputs:
  - logs/${day}/*.gz
  - extra
output: out/${day}-$$-$x
partitions: 8
single: true
record-timeout: 30s
memory: 64MiB
file: [a.py, b.py]
map: grep ${n}
`
	got, err := Parse("job.yaml", []byte(text), fields, map[string]string{"top": "5"}, beside)
	if err != nil {
		t.Fatal(err)
	}
	want := File{
		Plugin: "/jobs/./hits", Inputs: []string{"/jobs/logs/2026-11-22/*.gz", "/jobs/extra"}, Args: []string{"-by=status", "-top=5"},
		Settings: []Setting{
			{fields[0], []string{"/jobs/out/2026-11-22-$-$x"}, "job.yaml:9:9"},
			{fields[1], []string{"8"}, "job.yaml:10:13"},
			{fields[2], []string{"true"}, "job.yaml:11:9"},
			{fields[3], []string{"30s"}, "job.yaml:12:17"},
			{fields[4], []string{"64MiB"}, "job.yaml:13:9"},
			{fields[5], []string{"/jobs/a.py", "/jobs/b.py"}, "job.yaml:14:7"},
			{fields[6], []string{"grep 0x10"}, "job.yaml:15:6"},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
}

func TestNamed(t *testing.T) {
	got, err := Parse("j", []byte("inputs: {users: u.csv, events: [e1, e2]}\nargs: [-v, x]\nfile: {a: b}"), fields, nil, beside)
	want := File{Named: []string{"users=/jobs/u.csv", "events=/jobs/e1", "events=/jobs/e2"}, Args: []string{"-v", "x"},
		Settings: []Setting{{fields[5], []string{"a=/jobs/b"}, "j:3:7"}}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\n got %+v\nwant %+v", err, got, want)
	}
}

func TestNamedPaths(t *testing.T) {
	side := []Field{{Name: "side", Kind: List, Path: true, Named: true}}
	for text, want := range map[string][]string{
		"side: {a: b.csv, c: d=1.csv}":   {"a=/jobs/b.csv", "c=/jobs/d=1.csv"},
		"side: [a=b.csv, \"c=d=1.csv\"]": {"a=/jobs/b.csv", "c=/jobs/d=1.csv"},
	} {
		got, err := Parse("j", []byte(text), side, nil, beside)
		if err != nil || len(got.Settings) != 1 || !reflect.DeepEqual(got.Settings[0].Values, want) {
			t.Errorf("%s: %v\n got %+v\nwant %+v", text, err, got, want)
		}
	}
}

// TestMistakes: all of them are told at once, each with its place.
func TestMistakes(t *testing.T) {
	text := `params: {day: null, "a b": 1, list: [1]}
plugin: ./x
plugin: ./y
partition: 8
partitions: many
single: yes please
record_timeout: 5
record-timeout: 5
output: {a: b}
inputs: [a, [b]]
map: ${nobody} ${open
memory: null
file: &x a
weird: 1
`
	_, err := Parse("job.yaml", []byte(text), fields, map[string]string{"other": "1"}, beside)
	if !errs.Is(err, errs.Invalid) {
		t.Fatal(err)
	}
	want := []string{
		"job.yaml:1:10: parameter day has no default: give it with --set day=VALUE",
		`job.yaml:1:21: parameter "a b": a name has letters, digits, _ and - only`,
		"job.yaml:1:37: the default of parameter list is no text or number",
		"job.yaml: --set other: the file has no parameter of that name under params",
		"job.yaml:3:1: plugin is given twice: first in line 2",
		`job.yaml:4:1: "partition" is no key of a job file: did you mean partitions?`,
		`job.yaml:5:13: partitions is a whole number, not "many"`,
		`job.yaml:6:9: single is true or false, not "yes please"`,
		`job.yaml:7:1: "record_timeout" is no key of a job file: did you mean record-timeout?`,
		`job.yaml:8:17: record-timeout is a time such as 30s or 5m, not "5"`,
		"job.yaml:9:9: here a text or a number is expected",
		"job.yaml:10:13: here a text or a number is expected",
		"job.yaml:11:6: ${nobody}: there is no such parameter under params; $${ is ${",
		`job.yaml:11:6: "${nobody} ${open": a parameter begins and does not end; $$ is a $`,
		"job.yaml:12:9: here is no value",
		"job.yaml:13:7: anchors and aliases are not for job files; use a parameter",
		`job.yaml:14:1: "weird" is no key of a job file; mrctl schema lists them`,
	}
	if got := strings.Split(err.Error(), "\n"); !reflect.DeepEqual(got, want) {
		for _, line := range got {
			t.Log(line)
		}
		t.Errorf("want\n%s", strings.Join(want, "\n"))
	}
}

func TestNoJobFile(t *testing.T) {
	for _, text := range []string{"", "- a", "just text", "a: [", strings.Repeat("[", 100_000), "a: 1\n---\nb: 2", strings.Repeat("x", MaxSize+1)} {
		if f, err := Parse("j", []byte(text), fields, nil, beside); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "j") {
			t.Errorf("%.20q: %+v, %v", text, f, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("plugin: ./x\ninputs: {a: b}\nparams: {a: 1}\nmap: ${a}")
	f.Add("a: &b {<<: *b}")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := Parse("j", []byte(text), fields, nil, beside); err != nil && !errs.Is(err, errs.Invalid) {
			t.Error(err)
		}
	})
}

// TestSchemaKnowsTheFields and is JSON.
func TestSchemaKnowsTheFields(t *testing.T) {
	b, err := Schema(fields)
	if err != nil {
		t.Fatal(err)
	}
	var s struct {
		AdditionalProperties bool
		Properties           map[string]any
	}
	if err := json.Unmarshal(b, &s); err != nil || s.AdditionalProperties {
		t.Fatal(err)
	}
	for _, name := range (&reader{fields: fields}).names() {
		if s.Properties[name] == nil {
			t.Errorf("%s is missing", name)
		}
	}
}
