package integration

import (
	"compress/gzip"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mrctl/mrctl/integration/cluster"
)

// visit is a line of the input of plugins/kit.
type visit struct {
	user, page   string
	time, millis int64
}

// visitFiles writes visits, most of them of one user, the same each time.
func visitFiles(t *testing.T) (dir string, all []visit) {
	t.Helper()
	dir = t.TempDir()
	r := rand.New(rand.NewPCG(3, 4))
	z := rand.NewZipf(r, 1.5, 1, 40)
	when := r.Perm(60_000)
	for f := range 3 {
		var text []byte
		for i := range 20_000 {
			v := visit{fmt.Sprintf("u%d", z.Uint64()), fmt.Sprintf("p%d", z.Uint64()), int64(when[f*20_000+i]), int64(r.IntN(5000))}
			all = append(all, v)
			text = fmt.Appendf(text, "%s %d %s %d\n", v.user, v.time, v.page, v.millis)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.txt", f)), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir, all
}

// kitAnswers are the rows of three of its jobs, in order, computed plainly.
func kitAnswers(all []visit) map[string][]string {
	byUser := map[string][]visit{}
	for _, v := range all {
		byUser[v.user] = append(byUser[v.user], v)
	}
	want := map[string][]string{}
	add := func(job, format string, args ...any) { want[job] = append(want[job], fmt.Sprintf(format, args...)) }
	teams := map[string]int{}
	for _, v := range all {
		if team := teamOf(v.page); team != "" {
			teams[team]++
		}
	}
	for team, n := range teams {
		add("owners", "%s\t%d", team, n)
	}
	for user, vs := range byUser {
		slices.SortFunc(vs, func(a, b visit) int { return int(a.time - b.time) })
		add("path", "%s\t%d\t%s\t%s\ttrue", user, len(vs), vs[0].page, vs[len(vs)-1].page)
		add("users", "%s", user)
		slices.SortStableFunc(vs, func(a, b visit) int { return int(b.millis - a.millis) }) // of equal ones the earlier is first
		for _, v := range vs[:min(len(vs), 3)] {
			add("slowest", "%s\t%d\t%d\t%s", user, v.time, v.millis, v.page)
		}
	}
	for _, rows := range want {
		slices.Sort(rows)
	}
	return want
}

// teamOf is who owns a page, as the side file says; "": nobody.
func teamOf(page string) string {
	if len(page) > 2 {
		return ""
	}
	return "team-" + page[1:]
}

// ownersFile writes the side file, compressed.
func ownersFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "owners.csv.gz")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(f)
	fmt.Fprintln(z, "page,team")
	for i := range 10 {
		fmt.Fprintf(z, "p%d,team-%d\n", i, i)
	}
	if err := errors.Join(z.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// rowsOf reads the rows of all parts, in order.
func rowsOf(t *testing.T, dir string) []string {
	t.Helper()
	parts, err := filepath.Glob(filepath.Join(dir, "part-*.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, p := range parts {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		rows = slices.AppendSeq(rows, strings.Lines(string(b)))
	}
	for i := range rows {
		rows[i] = strings.TrimSuffix(rows[i], "\n")
	}
	slices.Sort(rows)
	return rows
}

// TestKit runs the SDK's ready-made jobs by mrctl run and on a cluster, in so many splits that groups are put together
// from several workers, and holds the rows against plain answers.
func TestKit(t *testing.T) {
	ctx := deadline(t, 3*time.Minute)
	in, all := visitFiles(t)
	dir := t.TempDir()
	c, err := cluster.Start(ctx, cluster.Options{Binary: binary(t), Dir: dir, Store: filepath.Join(dir, "store"), Env: private(t), Coordinators: 1, Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Stop() }()
	kit, want, side := plugin(t, "kit"), kitAnswers(all), ownersFile(t)
	for _, job := range []string{"path", "slowest", "users", "summary", "owners"} {
		for _, verb := range []string{"run", "submit"} {
			t.Run(job+" by "+verb, func(t *testing.T) {
				out := filepath.Join(dir, job+"-"+verb)
				args := []string{verb, kit, in, "-o", out, "--partitions", "3", "--split-size", "150KB", "--quiet"}
				if job == "owners" {
					args = append(args, "--side", "owners="+side)
				}
				var r cluster.Result
				if verb == "run" {
					r = mrctl(t, ctx, append(args, "--slots", "2", "--memory", "16MiB", "--", "-job", job)...)
				} else if r, err = c.Mrctl(ctx, append(args, "--shared-fs", "--", "-job", job)...); err != nil {
					t.Fatal(err)
				}
				if r.Code != 0 {
					t.Fatalf("exit code %d\n%s", r.Code, r.Err)
				}
				got := rowsOf(t, out)
				if job == "summary" {
					checkSummary(t, got, all)
				} else if !slices.Equal(got, want[job]) {
					t.Errorf("%d rows, want %d:\n%s", len(got), len(want[job]), strings.Join(got[:min(len(got), 5)], "\n"))
				}
			})
		}
	}
}

// TestSidesAreRefused: a side file that is missing, unknown or not there is told before any work starts.
func TestSidesAreRefused(t *testing.T) {
	ctx := deadline(t, time.Minute)
	dir := t.TempDir()
	in, side := filepath.Join(dir, "in.txt"), ownersFile(t)
	if err := os.WriteFile(in, []byte("u 1 p1 5\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"needs the side file owners: say where it is with --side owners=": {"--", "-job", "owners"},
		"the plugin has no side file of that name, only owners":           {"--side", "owners=" + side, "--side", "x=" + side, "--", "-job", "owners"},
		"the plugin has no side files":                                    {"--side", "owners=" + side, "--", "-job", "users"},
		"it is NAME=PATH":                                                 {"--side", side, "--", "-job", "owners"},
		"there is no such file":                                           {"--side", "owners=" + filepath.Join(dir, "none.csv"), "--", "-job", "owners"},
		"side file owners: input ":                                        {"--side", "owners=" + filepath.Join(dir, "*.csv"), "--", "-job", "owners"},
	} {
		r := mrctl(t, ctx, append([]string{"run", plugin(t, "kit"), in, "--quiet"}, args...)...)
		if r.Code != 2 && r.Code != 1 || !strings.Contains(r.Err, want) {
			t.Errorf("exit code %d, want %q in:\n%s", r.Code, want, r.Err)
		}
	}
}

// TestJoins joins visits with the owners of pages, of whom some pages have several and some none, by mrctl run and on a
// cluster, and holds the rows against nested loops.
func TestJoins(t *testing.T) {
	ctx := deadline(t, 3*time.Minute)
	in, all := visitFiles(t)
	dir := t.TempDir()
	text, teams := "page,team\n", map[string][]string{}
	for i := range 8 {
		page := fmt.Sprintf("p%d", i*i)
		for k := range 1 + i%3 {
			teams[page] = append(teams[page], fmt.Sprintf("team-%d", k))
			text += fmt.Sprintf("%s,team-%d\n", page, k)
		}
	}
	owners := filepath.Join(dir, "owners.csv")
	if err := os.WriteFile(owners, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	visits, want := map[string]int{}, map[string][]string{}
	for _, v := range all {
		visits[v.page]++
		for _, team := range teams[v.page] {
			want["inner"] = append(want["inner"], v.user+"\t"+v.page+"\t"+team)
		}
		if len(teams[v.page]) == 0 {
			want["left"] = append(want["left"], v.user+"\t"+v.page+"\t-")
		}
	}
	want["left"] = append(want["left"], want["inner"]...)
	for page := range teams {
		visits[page] += 0
	}
	for page, n := range visits {
		want["groups"] = append(want["groups"], fmt.Sprintf("%s\t%d\t%d", page, n, len(teams[page])))
	}
	c, err := cluster.Start(ctx, cluster.Options{Binary: binary(t), Dir: dir, Store: filepath.Join(dir, "store"), Env: private(t), Coordinators: 1, Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Stop() }()
	for job, rows := range want {
		slices.Sort(rows)
		for _, verb := range []string{"run", "submit"} {
			out := filepath.Join(dir, job+"-"+verb)
			args := []string{verb, plugin(t, "kit"), "--input", "visits=" + in, "--input", "owners=" + owners, "-o", out, "--partitions", "3", "--split-size", "150KB", "--quiet"}
			var r cluster.Result
			if verb == "run" {
				r = mrctl(t, ctx, append(args, "--memory", "16MiB", "--", "-job", job)...)
			} else if r, err = c.Mrctl(ctx, append(args, "--shared-fs", "--", "-job", job)...); err != nil {
				t.Fatal(err)
			}
			if got := rowsOf(t, out); r.Code != 0 || !slices.Equal(got, rows) {
				t.Errorf("%s by %s: exit code %d, %d rows, want %d\n%s", job, verb, r.Code, len(got), len(rows), r.Err)
			}
		}
	}
}

// checkSummary holds what sketches say of each user to their bounds.
func checkSummary(t *testing.T, rows []string, all []visit) {
	t.Helper()
	pages, millis := map[string]map[string]int{}, map[string][]float64{}
	for _, v := range all {
		if pages[v.user] == nil {
			pages[v.user] = map[string]int{}
		}
		pages[v.user][v.page]++
		millis[v.user] = append(millis[v.user], float64(v.millis))
	}
	if len(rows) != len(pages) {
		t.Errorf("%d rows, want %d", len(rows), len(pages))
	}
	for _, row := range rows {
		cells := strings.Split(row, "\t")
		user, most := cells[0], 0
		slices.Sort(millis[user])
		for _, n := range pages[user] {
			most = max(most, n)
		}
		median := millis[user][(len(millis[user])-1)/2]
		got, err := strconv.ParseFloat(cells[3], 64)
		if cells[1] != strconv.Itoa(len(pages[user])) || cells[2] != strconv.Itoa(len(millis[user])) || err != nil ||
			math.Abs(got-median) > median/129+1e-9 || pages[user][cells[4]] != most {
			t.Errorf("%q, of %d pages in %d visits with a median of %v, the most frequent %d times", row, len(pages[user]), len(millis[user]), median, most)
		}
	}
}

// TestExampleJoin runs the example that joins users and events.
func TestExampleJoin(t *testing.T) {
	ctx := deadline(t, 2*time.Minute)
	dir := t.TempDir()
	users, events := filepath.Join(dir, "users.csv"), filepath.Join(dir, "events.jsonl")
	for name, text := range map[string]string{users: "id,name,country\n1,Ann,NO\n2,Bob,PT\n",
		events: "{\"user\":1,\"what\":\"login\"}\n{\"user\":3,\"what\":\"login\"}\n{\"user\":1,\"what\":\"buy\"}\n{\"user\":2,\"what\":\"login\"}\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := mrctl(t, ctx, "run", "../examples/usersevents", "--input", "users="+users, "--input", "events="+events, "--quiet")
	if want := "1\tAnn\tNO\tlogin\n1\tAnn\tNO\tbuy\n2\tBob\tPT\tlogin\n3\t\t\tlogin\n"; r.Code != 0 || r.Out != want {
		t.Errorf("exit %d\n%s\nwant\n%s\n%s", r.Code, r.Out, want, r.Err)
	}
}
