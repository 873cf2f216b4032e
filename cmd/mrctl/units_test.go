package main

import (
	"testing"
	"time"

	"github.com/mrctl/mrctl/internal/errs"
)

func TestParseSize(t *testing.T) {
	for _, c := range []struct {
		in    string
		whole int64
		want  int64 // -1: refused
	}{
		{"0", 0, 0}, {"1", 0, 1}, {"4096", 0, 4096}, {"1B", 0, 1},
		{"256MiB", 0, 256 << 20}, {"1GiB", 0, 1 << 30}, {"1.5GiB", 0, 3 << 29}, {"2TiB", 0, 2 << 40},
		{"64k", 0, 64 << 10}, {"64K", 0, 64 << 10}, {"64KB", 0, 64000}, {"64kib", 0, 64 << 10},
		{"1 MiB", 0, 1 << 20}, {" 1MiB ", 0, 1 << 20}, {"1e6", 0, 1e6},
		{"25%", 1000, 250}, {"100 %", 1000, 1000}, {"12.5%", 1000, 125},
		{"25%", 0, -1}, {"", 0, -1}, {"MiB", 0, -1}, {"-1", 0, -1}, {"-1MiB", 0, -1}, {"1PiB", 0, -1}, {"one", 0, -1},
		{"NaN", 0, -1}, {"1e30", 0, -1}, {"9223372036854775807", 0, -1}, {"8388608TiB", 0, -1},
	} {
		got, err := parseSize(c.in, c.whole)
		if c.want < 0 {
			if !errs.Is(err, errs.Invalid) {
				t.Errorf("parseSize(%q) = %d, %v; want it refused", c.in, got, err)
			}
			continue
		}
		if err != nil || got != c.want {
			t.Errorf("parseSize(%q) = %d, %v; want %d", c.in, got, err, c.want)
		}
	}
}

func TestShowSize(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 100 << 10: "100 KiB", 1<<20 - 1: "1.0 MiB",
		1 << 20: "1.0 MiB", 5 << 30: "5.0 GiB", 123 << 40: "123 TiB", 1 << 63: "8192 PiB",
	} {
		if got := showSize(n); got != want {
			t.Errorf("showSize(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestShowFor(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 0: "0.00s", 350 * time.Millisecond: "0.35s", 12345 * time.Millisecond: "12.3s",
		245 * time.Second: "4m05s", 192 * time.Minute: "3h12m", 122 * time.Hour: "5d02h",
	} {
		if got := showFor(d); got != want {
			t.Errorf("showFor(%v) = %q, want %q", d, got, want)
		}
	}
}
