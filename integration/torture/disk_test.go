package torture

import (
	"syscall"
	"testing"
)

// enough fails a case that would fill the disk.
func enough(t *testing.T, dir string, want int64) {
	t.Helper()
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		t.Fatal(err)
	}
	if free := int64(fs.Bavail) * int64(fs.Bsize); free < want {
		t.Fatalf("%d MiB are free, the case needs %d MiB", free>>20, want>>20)
	}
}

func mkfifo(path string) error { return syscall.Mkfifo(path, 0o600) }
