package local_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/local"
)

// writerRoot, when set, turns this test binary into a writer that works until it is killed.
const writerRoot = "MRCTL_TEST_WRITER_ROOT"

func TestMain(m *testing.M) {
	if root := os.Getenv(writerRoot); root != "" {
		fmt.Fprintln(os.Stderr, keepWriting(root))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// bodyOf is what must lie at a key, whole: about 100 KB that nothing but the key decides.
func bodyOf(key string) []byte {
	sum := sha256.Sum256([]byte(key))
	return bytes.Repeat(sum[:], 3000+int(sum[0]))
}

// keepWriting creates records, publishes streams and counts up one record that all writers share. It says on stdout
// what it was told has happened.
func keepWriting(root string) error {
	s, err := local.New(root, local.Options{NoSync: true})
	if err != nil {
		return err
	}
	ctx := context.Background()
	for i := 0; ; i++ {
		record, stream := fmt.Sprintf("records/%d-%d", os.Getpid(), i), fmt.Sprintf("streams/%d-%d", os.Getpid(), i)
		if _, err := s.PutIf(ctx, record, bodyOf(record), ""); err != nil {
			return err
		}
		fmt.Println("wrote", record)
		w, err := s.Create(ctx, stream, nil)
		if err != nil {
			return err
		}
		if _, err := w.Write(bodyOf(stream)); err != nil {
			return err
		}
		token, err := w.Stage(ctx)
		if err != nil {
			return err
		}
		if _, err := s.Publish(ctx, token); err != nil {
			return err
		}
		fmt.Println("wrote", stream)
		n, err := countUp(ctx, s, fmt.Sprint(os.Getpid(), " ", i))
		if err != nil {
			return err
		}
		fmt.Println("counted", n)
	}
}

func countUp(ctx context.Context, s storage.Store, nonce string) (int, error) {
	for {
		body, info, err := s.Get(ctx, "counter")
		if err != nil {
			return 0, err
		}
		n := 0
		if _, err := fmt.Sscan(string(body), &n); err != nil {
			return 0, err
		}
		_, err = s.PutIf(ctx, "counter", fmt.Appendln(nil, n+1, nonce), info.Version)
		if !errors.Is(err, storage.ErrPrecondition) {
			return n + 1, err
		}
	}
}

// A process that is killed loses nothing it was told has happened, leaves nothing half there, and holds up nobody.
func TestKilledWriters(t *testing.T) {
	root := t.TempDir()
	s := open(t, root, local.Options{NoSync: true})
	if _, err := s.PutIf(t.Context(), "counter", []byte("0 start"), ""); err != nil {
		t.Fatal(err)
	}
	const writers, lives = 3, 12
	var mu sync.Mutex
	wrote, counted := map[string]bool{}, map[int]bool{}
	var g sync.WaitGroup
	for range writers {
		g.Go(func() {
			for range lives {
				for _, line := range live(t, root, time.Duration(40+rand.N(120))*time.Millisecond) {
					mu.Lock()
					var n int
					if key, ok := strings.CutPrefix(line, "wrote "); ok {
						wrote[key] = true
					} else if _, err := fmt.Sscanf(line, "counted %d", &n); err != nil {
						t.Errorf("a writer said %q", line)
					} else if counted[n] {
						t.Errorf("two writers were told that they had counted to %d", n)
					}
					if n > 0 {
						counted[n] = true
					}
					mu.Unlock()
				}
			}
		})
	}
	g.Wait()
	t.Logf("%d writes and %d counts acknowledged", len(wrote), len(counted))
	if len(wrote) < writers*lives || len(counted) == 0 {
		t.Fatal("the writers were killed before they did anything to speak of")
	}

	left := len(wrote)
	for info, err := range s.List(t.Context(), "", "") {
		if err != nil {
			t.Fatal(err)
		}
		if info.Key == "counter" {
			continue
		}
		if got, _, err := s.Get(t.Context(), info.Key); err != nil || !bytes.Equal(got, bodyOf(info.Key)) {
			t.Errorf("%s is torn: %d bytes, %v", info.Key, len(got), err)
		}
		if wrote[info.Key] {
			left--
		}
	}
	if left != 0 {
		t.Errorf("%d acknowledged writes are lost", left)
	}
	n, err := countUp(t.Context(), s, "end")
	if err != nil {
		t.Fatal(err)
	}
	// Each death may have cut off one acknowledgement.
	if done := n - 1; done < len(counted) || done > len(counted)+writers*lives {
		t.Errorf("the counter stands at %d after %d acknowledged counts", done, len(counted))
	}
	sweep(t, root, s)
}

// live runs a writer for a while, kills it, and gives what it said.
func live(t *testing.T, root string, d time.Duration) []string {
	exe, err := os.Executable()
	if err != nil {
		t.Error(err)
		return nil
	}
	ctx, stop := context.WithTimeout(t.Context(), d)
	defer stop()
	cmd := exec.CommandContext(ctx, exe)
	cmd.Env = append(os.Environ(), writerRoot+"="+root)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err = cmd.Run()
	if ctx.Err() == nil {
		t.Errorf("a writer ended by itself: %v\n%s", err, errOut.String())
	}
	var lines []string
	for in := bufio.NewScanner(&out); in.Scan(); {
		lines = append(lines, in.Text())
	}
	return lines
}

// sweep checks that all the dead left behind are temporary files, and that gc can find and remove them by key.
func sweep(t *testing.T, root string, s *local.Store) {
	t.Helper()
	keys := map[string]bool{}
	files := func(f func(dir, name string)) {
		err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			if err == nil && strings.HasPrefix(d.Name(), ".") && path != root {
				f(filepath.Dir(path), d.Name())
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	files(func(dir, name string) {
		rest, ok := strings.CutPrefix(name, ".mrctl-")
		if !ok {
			t.Fatalf("%s/%s is left behind", dir, name)
		}
		rel, err := filepath.Rel(root, dir)
		if err != nil {
			t.Fatal(err)
		}
		keys[filepath.Join(rel, rest[:strings.LastIndexByte(rest, '-')])] = true
	})
	for key := range keys {
		found, err := s.PendingOf(t.Context(), key)
		if err != nil || len(found) == 0 {
			t.Errorf("PendingOf(%s) = %v, %v", key, found, err)
		}
		for _, p := range found {
			if err := s.Discard(t.Context(), p.Token); err != nil {
				t.Error(err)
			}
		}
	}
	files(func(dir, name string) { t.Errorf("%s/%s cannot be swept", dir, name) })
}
