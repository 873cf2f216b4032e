package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/mrctl/mrctl/internal/errs"
)

var units = []struct {
	name string
	size float64
}{
	// The longer name first where one ends like another.
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12},
	{"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {"T", 1 << 40},
	{"B", 1},
}

// parseSize reads a number of bytes: "4096", "256MiB", "1.5GB", "64k", or "25%" of whole. KiB and K are 1024, KB is
// 1000; case does not matter. whole 0 refuses percentages.
func parseSize(s string, whole int64) (int64, error) {
	text := strings.TrimSpace(s)
	bad := func(why string) error {
		return errs.New(errs.Invalid, "size %q: %s; write it like 256MiB, 1GiB or 4096", s, why)
	}
	factor := 1.0
	if p, ok := strings.CutSuffix(text, "%"); ok {
		if whole <= 0 {
			return 0, bad("a percentage has no meaning here")
		}
		text, factor = p, float64(whole)/100
	} else {
		for _, u := range units {
			if n := len(text) - len(u.name); n > 0 && strings.EqualFold(text[n:], u.name) {
				text, factor = text[:n], u.size
				break
			}
		}
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	switch {
	case err != nil || math.IsNaN(n):
		return 0, bad("not a number")
	case n < 0:
		return 0, bad("it is negative")
	case n*factor >= math.MaxInt64:
		return 0, bad("it is too large")
	}
	return int64(n * factor), nil
}

// showSize writes a number of bytes for people: three digits or so, in binary units.
func showSize(n uint64) string {
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	v, unit := float64(n), ""
	for _, u := range []string{"KiB", "MiB", "GiB", "TiB", "PiB"} {
		v, unit = v/1024, u
		if v < 1023.95 {
			break
		}
	}
	if v >= 99.95 {
		return fmt.Sprintf("%.0f %s", v, unit)
	}
	return fmt.Sprintf("%.1f %s", v, unit)
}

// showTime writes a moment for people; the zero time, a dash.
func showTime(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

// showFor writes how long something took or has been taking: 0.35s, 12.3s, 4m05s, 3h12m, 5d02h.
func showFor(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < 10*time.Second:
		return fmt.Sprintf("%.2fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%02dh", int(d.Hours())/24, int(d.Hours())%24)
}
