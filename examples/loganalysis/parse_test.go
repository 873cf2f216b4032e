package main

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

const combined = `192.0.2.7 - ann [17/May/2026:10:05:03 +0200] "GET /users/42/orders?page=2 HTTP/1.1" 200 5120 "http://example.org/" "Mozilla/5.0 (\"quoted\")" 0.25`

func TestParse(t *testing.T) {
	at := time.Date(2026, 5, 17, 8, 5, 3, 0, time.UTC)
	for _, c := range []struct {
		line string
		want hit
	}{
		{combined, hit{at, "192.0.2.7", "GET", "/users/42/orders?page=2", 200, 5120, `Mozilla/5.0 (\"quoted\")`, 250, true}},
		{`::1 - - [17/May/2026:08:05:03 +0000] "POST / HTTP/2.0" 304 -`, hit{at, "::1", "POST", "/", 304, 0, "", 0, false}},
		{`h - - [17/May/2026:08:05:03 +0000] "\x16\x03" 400 0`, hit{at, "h", "-", `\x16\x03`, 400, 0, "", 0, false}},
		{`h - - [17/May/2026:08:05:03 +0000] "GET /a b c HTTP/1.0" 200 1 "-" "-"`, hit{at, "h", "GET", "/a b c", 200, 1, "-", 0, false}},
		{`{"time":"2026-05-17T08:05:03Z","client_ip":"h","method":"PUT","path":"/x","status":201,"bytes":7,"latency_ms":1.5}`,
			hit{at, "h", "PUT", "/x", 201, 7, "", 1.5, true}},
		{`{"ts":1779005103,"remote_addr":"h","request":"GET /y HTTP/1.1","status":"200","body_bytes_sent":"9","request_time":"0.004"}`,
			hit{at, "h", "GET", "/y", 200, 9, "", 4, true}},
	} {
		got, err := parse(c.line)
		if err != nil {
			t.Errorf("%s: %v", c.line, err)
			continue
		}
		if got.At.Equal(c.want.At) {
			got.At = c.want.At
		}
		if got != c.want {
			t.Errorf("%s:\n got %+v\nwant %+v", c.line, got, c.want)
		}
	}
}

func TestBadLines(t *testing.T) {
	for _, line := range []string{
		"garbage", "a b c", `h - - [yesterday] "GET / HTTP/1.1" 200 1`, `h - - [17/May/2026:08:05:03 +0000] GET 200 1`,
		`h - - [17/May/2026:08:05:03 +0000] "GET / HTTP/1.1 200 1`, `h - - [17/May/2026:08:05:03 +0000] "GET / HTTP/1.1" 2x0 1`,
		`h - - [17/May/2026:08:05:03 +0000] "GET / HTTP/1.1" 200 many`, "{", `{"status":200}`, `{"time":"now","status":200}`,
		`{"time":"2026-05-17T08:05:03Z","status":12}`, "h\x00 " + combined, `{"time":"2026-05-17T08:05:03Z","status":200,"path":"a\u0000b"}`,
	} {
		if h, err := parse(line); err == nil || errors.Is(err, errBlank) {
			t.Errorf("%q gave %+v, %v", line, h, err)
		}
	}
	if _, err := parse("  \t"); !errors.Is(err, errBlank) {
		t.Errorf("a blank line: %v", err)
	}
}

func TestRoute(t *testing.T) {
	for path, want := range map[string]string{
		"/": "/", "/users/42/orders?page=2": "/users/:id/orders", "/v1/item": "/v1/item", "/beef": "/beef", "/facade00/x": "/:id/x",
		"/3f2b8c1e-0d4a-4b6f-9a77-1c2d3e4f5a6b": "/:id", "/2026/05/index.html": "/:id/:id/index.html", "": "",
	} {
		if got := route(path); got != want {
			t.Errorf("route(%q) = %q, want %q", path, got, want)
		}
	}
}

func TestSketchIsWithinOnePercent(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var whole, left, right Sketch
	var xs []float64
	for i := range 20_000 {
		x := math.Exp(r.NormFloat64()*2 + 3)
		xs = append(xs, x)
		whole.Add(x)
		if i%3 == 0 {
			left.Add(x)
		} else {
			right.Add(x)
		}
	}
	slices.Sort(xs)
	left.Merge(right)
	for _, q := range []float64{0, 0.5, 0.95, 0.99, 1} {
		want, got := xs[int(q*float64(len(xs)-1))], *whole.Quantile(q)
		if math.Abs(got-want) > accuracy*want*1.0001 {
			t.Errorf("quantile %v: %v, want %v", q, got, want)
		}
		if merged := *left.Quantile(q); merged != got {
			t.Errorf("quantile %v: %v when merged, %v in one", q, merged, got)
		}
	}
	if (&Sketch{}).Quantile(0.5) != nil {
		t.Error("a quantile of nothing")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(combined)
	f.Add(`{"time":"2026-05-17T08:05:03Z","status":200}`)
	f.Fuzz(func(t *testing.T, line string) {
		h, err := parse(line)
		if err != nil {
			return
		}
		for _, d := range dimensions {
			if strings.Contains(h.column(d), separator) {
				t.Errorf("%s holds the separator: %q", d, h.column(d))
			}
			var r Row
			if err := r.set(d, h.column(d)); err != nil {
				t.Errorf("%s does not come back: %v", d, err)
			}
		}
	})
}
