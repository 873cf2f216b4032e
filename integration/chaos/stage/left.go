package stage

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mrctl/mrctl/internal/s3server"
)

// Binary is the program, which is also the plugin.
func (s *Stage) Binary() string { return s.binary }

// Output reads all that lies in the output folder, hidden or not, by name.
func (s *Stage) Output(ctx context.Context) (map[string][]byte, error) {
	files := map[string][]byte{}
	if s.server == nil {
		out := os.DirFS(s.Local("out"))
		err := fs.WalkDir(out, ".", func(name string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				files[name], err = fs.ReadFile(out, name)
			}
			return err
		})
		return files, err
	}
	keys, err := s.Bucket.Keys(ctx, s3server.Bucket, "out/")
	for _, k := range keys {
		if files[strings.TrimPrefix(k, "out/")], err = s.Bucket.Read(ctx, s3server.Bucket, k); err != nil {
			return nil, err
		}
	}
	return files, err
}

// Scratch lists what workers that have ended left in their scratch.
func (s *Stage) Scratch() (found []string, err error) {
	for _, w := range s.Workers {
		entries, err := os.ReadDir(w.Scratch)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, e := range entries {
			if e.Name() != "lock" {
				found = append(found, w.Name+"/"+e.Name())
			}
		}
	}
	return found, nil
}

// uploads lists the keys of uploads that nobody completed. MinIO lists those of the whole bucket from memory, where one stays
// whose completion lost its client; asked for a key, it looks.
func (s *Stage) uploads(ctx context.Context) (keys []string, err error) {
	all, err := s.Bucket.Uploads(ctx, s3server.Bucket, "")
	if err != nil {
		return nil, err
	}
	slices.Sort(all)
	for _, key := range slices.Compact(all) {
		found, err := s.Bucket.Uploads(ctx, s3server.Bucket, key)
		if err != nil {
			return nil, err
		}
		keys = append(keys, slices.DeleteFunc(found, func(k string) bool { return k != key })...)
	}
	return keys, nil
}

// Left lists what has no owner any more when every process has ended, by kind.
func (s *Stage) Left(ctx context.Context) (map[string][]string, error) {
	left := map[string][]string{}
	entries, err := os.ReadDir(s.temp())
	for _, e := range entries {
		left["temporary files"] = append(left["temporary files"], e.Name())
	}
	if err != nil {
		return nil, err
	}
	if s.server != nil {
		left["staged uploads"], err = s.uploads(ctx)
		return left, err
	}
	for _, dir := range []string{s.Local("out"), s.Local("store")} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && strings.HasPrefix(d.Name(), ".mrctl-") {
				left["staged files"] = append(left["staged files"], strings.TrimPrefix(path, s.Dir+"/"))
			}
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return left, nil
}
