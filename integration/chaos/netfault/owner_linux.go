package netfault

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Owner says which of the processes holds the other end of a connection within this machine; 0 where it is none of
// them. It goes by /proc: the socket that has our address as its peer, and who has that open.
func Owner(c net.Conn, pids []int) int {
	peer, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return 0
	}
	inode := socket(peer)
	if inode == "" {
		return 0
	}
	for _, pid := range pids {
		dir := filepath.Join("/proc", strconv.Itoa(pid), "fd")
		names, err := os.ReadDir(dir)
		if err != nil {
			continue // it has ended
		}
		for _, n := range names {
			if to, err := os.Readlink(filepath.Join(dir, n.Name())); err == nil && to == "socket:["+inode+"]" {
				return pid
			}
		}
	}
	return 0
}

// socket finds the inode of the socket that is bound to a local address.
func socket(a *net.TCPAddr) string {
	ip := a.IP.To4()
	if ip == nil {
		return ""
	}
	// The kernel prints the address as a number of this machine's byte order, and the port as it is.
	want := fmt.Sprintf("%08X:%04X", binary.NativeEndian.Uint32(ip), a.Port)
	f, err := os.Open("/proc/net/tcp")
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }() // only read
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) > 9 && fields[1] == want && fields[9] != "0" {
			return fields[9]
		}
	}
	return ""
}
