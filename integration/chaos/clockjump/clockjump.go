// Package clockjump builds programs whose wall clock can be moved while they run, without touching the machine's: go build
// -overlay replaces time.Now by one that adds what a small file holds, which the program maps. Timers and durations rest on
// the monotonic clock and stay as they are, as when an administrator or NTP sets the time. Nothing of it is in the product.
package clockjump

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// Variable names the file of a program's offset in its environment. Without it the program has the machine's time.
const Variable = "MRCTL_TEST_CLOCK"

// Size is that of the file, in bytes: the offset in nanoseconds, in the machine's byte order.
const Size = 8

// Set moves the clock of the programs that map a file; it makes the file where there is none.
func Set(path string, by time.Duration) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(binary.NativeEndian.AppendUint64(nil, uint64(by)), 0)
	return errors.Join(err, f.Close())
}

// Check says why nothing can be built here; nil if it can: on Linux, with the go tool, in a module that has the package.
func Check(ctx context.Context, pkg string) error {
	if runtime.GOOS != "linux" {
		return errors.New("a clock can be moved on Linux only")
	}
	_, err := goTool(ctx, "list", "-find", pkg)
	return err
}

// Build builds pkg, static, as the file out. It is for this folder's module and leaves what else it needs in dir.
func Build(ctx context.Context, pkg, dir, out string) error {
	root, err := goTool(ctx, "env", "GOROOT")
	if err != nil {
		return err
	}
	lib := filepath.Join(strings.TrimSpace(root), "src", "time")
	source, err := os.ReadFile(filepath.Join(lib, "time.go"))
	if err != nil {
		return err
	}
	if source, err = patch(source); err != nil {
		return err
	}
	replace := map[string]string{}
	for name, text := range map[string][]byte{"time.go": source, "mrctl_offset.go": []byte(offset)} {
		replace[filepath.Join(lib, name)] = filepath.Join(dir, name)
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return err
		}
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return err
	}
	overlay := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlay, list, 0o600); err != nil {
		return err
	}
	_, err = goTool(ctx, "build", "-trimpath", "-overlay", overlay, "-o", out, pkg)
	return err
}

// now is how the library's time.Now begins, and what that becomes.
const (
	now   = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
	moved = now + "\tsec, nsec = mrctlMoved(sec, nsec)\n"
)

// patch makes the library's time.go read the offset. It refuses a source that it does not know.
func patch(source []byte) ([]byte, error) {
	if n := bytes.Count(source, []byte(now)); n != 1 {
		return nil, fmt.Errorf("the clock of %s cannot be moved: its time.Now is not as expected; adapt integration/chaos/clockjump to it", runtime.Version())
	}
	return bytes.Replace(source, []byte(now), []byte(moved), 1), nil
}

// offset is the file that is added to package time.
const offset = `package time

import (
	"sync/atomic"
	"syscall"
	"unsafe"
)

var mrctlOffset = mrctlMap()

func mrctlMap() *int64 {
	path, ok := syscall.Getenv("` + Variable + `")
	if !ok {
		return new(int64)
	}
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		panic("` + Variable + `=" + path + ": " + err.Error())
	}
	mem, err := syscall.Mmap(fd, 0, 8, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		panic("` + Variable + `=" + path + ": " + err.Error())
	}
	syscall.Close(fd)
	return (*int64)(unsafe.Pointer(&mem[0]))
}

func mrctlMoved(sec int64, nsec int32) (int64, int32) {
	total := int64(nsec) + atomic.LoadInt64(mrctlOffset)
	sec, total = sec+total/1e9, total%1e9
	if total < 0 {
		sec, total = sec-1, total+1e9
	}
	return sec, int32(total)
}
`

// goTool runs the go tool and gives what it prints.
func goTool(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("go %s: %w: %s", args[0], err, strings.TrimSpace(said.String()))
	}
	return out.String(), nil
}
