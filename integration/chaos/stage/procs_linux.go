package stage

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Plugins are the processes that a node has started.
func (s *Stage) Plugins(n *Node) (pids []int) {
	parent := n.Pid()
	if parent == 0 {
		return nil
	}
	for _, pid := range processes() {
		if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && parentOf(stat) == parent {
			pids = append(pids, pid)
		}
	}
	return pids
}

// parentOf reads the field after the state, which follows the name in parentheses.
func parentOf(stat []byte) int {
	_, rest, _ := bytes.Cut(stat[max(0, bytes.LastIndexByte(stat, ')')):], []byte(" "))
	fields := bytes.Fields(rest)
	if len(fields) < 2 || fields[0][0] == 'Z' { // a zombie is no more
		return 0
	}
	n, _ := strconv.Atoi(string(fields[1])) // the kernel wrote it
	return n
}

// Orphans are processes that run out of the stage's folder: plugins, or our own.
func (s *Stage) Orphans() (found []string) {
	for _, pid := range processes() {
		exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)) // it may have ended
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if strings.HasPrefix(exe, s.Dir+"/") || bytes.Contains(line, []byte(s.Dir+"/")) && !bytes.Contains(line, []byte(s.Local("server"))) {
			found = append(found, fmt.Sprintf("%d %s", pid, bytes.ReplaceAll(line, []byte{0}, []byte{' '})))
		}
	}
	return found
}

func processes() (pids []int) {
	dirs, _ := filepath.Glob("/proc/[0-9]*") // the pattern is a good one
	for _, d := range dirs {
		if pid, err := strconv.Atoi(filepath.Base(d)); err == nil && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids
}

func exists(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && parentOf(stat) != 0
}
