package main

import (
	"bufio"
	"bytes"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
)

// defaultMemory is what a worker holds at most when nothing is said: a quarter of the machine.
const defaultMemory = "25%"

// defaultSlots is how many tasks a worker runs at once when nothing is said: the cores it may use. The Go runtime looks
// at the CPU limit of the control group.
func defaultSlots() int { return runtime.GOMAXPROCS(0) }

// boundHeap tells the collector what a worker's --memory means for this process: left alone it lets garbage grow until it
// is as much as what lives, and nearly all that lives is buffers, which would take their bytes twice. Whoever sets
// GOMEMLIMIT is left his way.
func boundHeap(memory int64) {
	const beside = 48 << 20 // bytes that are no buffers, of the 64 MiB that a process may have beside them
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memory + beside)
	}
}

// machineMemory is the bytes of memory this process may use: what the machine has, or less where a control group says
// so. 0 means that it could not be found out.
func machineMemory() int64 {
	meminfo, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0 // not Linux
	}
	total := memTotal(meminfo)
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return total
	}
	for _, file := range limitFiles(own) {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // this level sets no limit, or the hierarchy is not mounted
		}
		// No limit is "max" in version 2 and a number beyond any machine in version 1.
		if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && n > 0 && (total == 0 || n < total) {
			total = n
		}
	}
	return total
}

// memTotal reads the MemTotal line, which is in KiB.
func memTotal(meminfo []byte) int64 {
	for line := range bytes.Lines(meminfo) {
		fields := bytes.Fields(line)
		if len(fields) >= 2 && string(fields[0]) == "MemTotal:" {
			n, err := strconv.ParseInt(string(fields[1]), 10, 64)
			if err == nil {
				return n << 10
			}
		}
	}
	return 0
}

// limitFiles names the files that may limit the memory of the control group in /proc/self/cgroup, and of all groups
// above it: the strictest counts. A container often sees its own group as the root.
func limitFiles(cgroup []byte) []string {
	var files []string
	lines := bufio.NewScanner(bytes.NewReader(cgroup))
	for lines.Scan() {
		_, rest, _ := strings.Cut(lines.Text(), ":")
		controllers, path, _ := strings.Cut(rest, ":")
		root, file := "/sys/fs/cgroup", "memory.max"
		if controllers != "" {
			if !strings.Contains(","+controllers+",", ",memory,") {
				continue
			}
			root, file = "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
		}
		for {
			path = strings.TrimRight(path, "/")
			files = append(files, root+path+"/"+file)
			cut := strings.LastIndexByte(path, '/')
			if cut < 0 {
				break
			}
			path = path[:cut]
		}
	}
	return files
}
