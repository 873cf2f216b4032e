package local

import (
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Numbers of statfs(2) for file systems whose flock and link depend on a server and its options.
var network = map[uint32]string{
	0x6969: "NFS", 0x517b: "SMB", 0xff534d42: "CIFS", 0xfe534d42: "SMB",
	0x5346414f: "AFS", 0x73757245: "Coda", 0x564c: "NCP",
}

// networkFS names the network file system that path, or what will hold it, is on; "" for any other.
func networkFS(path string) (string, error) {
	for {
		var st unix.Statfs_t
		err := retryEINTR(func() error { return unix.Statfs(path, &st) })
		if err == nil {
			return network[uint32(st.Type)], nil
		}
		if !absent(err) || path == "/" {
			return "", err
		}
		path = filepath.Dir(path)
	}
}
