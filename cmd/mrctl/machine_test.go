package main

import (
	"slices"
	"testing"
)

func TestMachineMemory(t *testing.T) {
	if n := memTotal([]byte("MemTotal:        8123456 kB\nMemFree: 1 kB\n")); n != 8123456<<10 {
		t.Errorf("memTotal = %d", n)
	}
	if n := memTotal([]byte("nothing")); n != 0 {
		t.Errorf("memTotal of nothing = %d", n)
	}
}

func TestLimitFiles(t *testing.T) {
	for _, c := range []struct {
		name, cgroup string
		want         []string
	}{
		{"version 2", "0::/a/b\n", []string{
			"/sys/fs/cgroup/a/b/memory.max", "/sys/fs/cgroup/a/memory.max", "/sys/fs/cgroup/memory.max"}},
		{"version 1", "5:cpu:/x\n3:memory:/docker/1\n", []string{
			"/sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes",
			"/sys/fs/cgroup/memory/docker/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}},
		{"at the root", "0::/\n", []string{"/sys/fs/cgroup/memory.max"}},
		{"none", "", nil},
	} {
		if got := limitFiles([]byte(c.cgroup)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
