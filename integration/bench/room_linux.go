package main

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// roomy gives a folder in memory if runs and results of a few programs fit there, as the moods of a disk are none of our
// figures; else the temporary folder.
func roomy(size int64) string {
	const shm = "/dev/shm"
	var fs unix.Statfs_t
	need := 6 * size
	if unix.Statfs(shm, &fs) != nil || int64(fs.Bavail)*fs.Bsize < need || availableMemory() < need {
		return os.TempDir()
	}
	return shm
}

// availableMemory is what programs can have before the machine runs short, in bytes; 0 where it does not say.
func availableMemory() int64 {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "MemAvailable:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			if err == nil {
				return kib << 10
			}
		}
	}
	return 0
}
