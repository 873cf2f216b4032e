package measure

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of times in /proc/stat: USER_HZ, which is 100 on all architectures that Go runs on.
const tick = time.Second / 100

// busyTime is the time all cores of the machine have worked since it started.
func busyTime() time.Duration {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	var busy time.Duration
	for i, f := range strings.Fields(string(line)) {
		switch i {
		case 1, 2, 3, 6, 7, 8: // user, nice, system, irq, softirq, steal; not idle, iowait, guests (in user already)
			n, err := strconv.ParseInt(f, 10, 64)
			if err == nil {
				busy += time.Duration(n) * tick
			}
		}
	}
	return busy
}

// used is the processor time of some processes, of those below them, and of what each has waited for.
func used(roots []int) (sum time.Duration) {
	for _, root := range roots {
		for _, pid := range tree(root) {
			f, ok := statOf(pid)
			for i := 11; ok && i < min(15, len(f)); i++ { // utime, stime, cutime, cstime
				n, err := strconv.ParseInt(f[i], 10, 64)
				if err == nil {
					sum += time.Duration(n) * tick
				}
			}
		}
	}
	return sum
}

// tree gives the process and all those below it.
func tree(root int) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	children := map[int][]int{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if parent, ok := parentOf(pid); ok {
			children[parent] = append(children[parent], pid)
		}
	}
	all := []int{root}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}

func parentOf(pid int) (int, bool) {
	f, ok := statOf(pid)
	if !ok || len(f) < 2 {
		return 0, false
	}
	parent, err := strconv.Atoi(f[1])
	return parent, err == nil
}

// statOf gives the fields of a process's stat file from its state on; false: it is gone.
func statOf(pid int) ([]string, bool) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	// "pid (name) state parent ...": the name may hold anything, its end is the last parenthesis.
	return strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:])), err == nil
}

// ownMemory is what a process holds that is no page of a file, in bytes: anonymous memory and its share of what it has in
// common with others.
func ownMemory(pid int) int64 {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/smaps_rollup")
	if err != nil {
		return 0 // gone
	}
	var sum int64
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(line, ":")
		if name != "Pss_Anon" && name != "Pss_Shmem" {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
		if err == nil {
			sum += n << 10
		}
	}
	return sum
}
