package main

import (
	"fmt"
	"testing"

	"github.com/mrctl/mrctl/jobs/jobstest"
)

func lines() (out []string) {
	for i := range 60 {
		out = append(out, fmt.Sprintf(`10.0.0.%d - - [17/May/2026:%02d:05:03 +0000] "GET /item/%d HTTP/1.1" %d %d "-" "curl/8" 0.%03d`,
			i%3, i%4, i, []int{200, 200, 404, 503}[i%4], 100*i, i*7%1000))
	}
	return append(out, "", "not a log line", combined, `{"time":"2026-05-17T08:05:03Z","client_ip":"h","method":"PUT","path":"/x","status":201,"latency_ms":1.5}`)
}

func TestLaws(t *testing.T) {
	defer func(was []string) { by = was }(by)
	for _, list := range []string{"hour,route", "status", "day,method,client,agent,path"} {
		t.Run(list, func(t *testing.T) {
			if err := setBy(list); err != nil {
				t.Fatal(err)
			}
			jobstest.Laws(t, job, lines())
		})
	}
}

func TestByIsChecked(t *testing.T) {
	defer func(was []string) { by = was }(by)
	for _, list := range []string{"", "hours", "hour,hour", "hour,"} {
		if err := setBy(list); err == nil {
			t.Errorf("%q was taken", list)
		}
	}
}

func TestReport(t *testing.T) {
	defer func(was []string) { by = was }(by)
	if err := setBy("status,route"); err != nil {
		t.Fatal(err)
	}
	sums := map[string]Load{}
	for _, l := range lines()[:60] {
		if err := measure(t.Context(), l, func(k string, v Load) { sums[k] = sums[k].plus(v) }); err != nil {
			t.Fatal(err)
		}
	}
	var rows []Row
	for k, v := range sums {
		if err := report(t.Context(), k, func(yield func(Load) bool) { yield(v) }, func(r Row) { rows = append(rows, r) }); err != nil {
			t.Fatal(err)
		}
	}
	total := int64(0)
	for _, r := range rows {
		total += r.Hits
		if r.Route != "/item/:id" || r.P50 == nil || (r.Errors > 0) != (r.Status == 503) {
			t.Errorf("%+v", r)
		}
	}
	if len(rows) != 3 || total != 60 {
		t.Errorf("%d rows, %d hits", len(rows), total)
	}
}
