package storage_test

import (
	"strings"
	"testing"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
)

func TestCheckKey(t *testing.T) {
	long := strings.Repeat("a", storage.MaxComponent)
	for _, key := range []string{"a", "part-r-00001.tsv", "jobs/0192-AF/t/0-map/1/00000007", "a=b/c_d", "a..b", "-", "_SUCCESS", long,
		strings.Repeat(long+"/", 4) + strings.Repeat("b", 96)} {
		if err := storage.CheckKey(key); err != nil {
			t.Errorf("good key refused: %v", err)
		}
	}
	for _, key := range []string{"", "/", "a/", "/a", "a//b", ".", "..", "a/../b", ".mrctl-x", "a/.b", "a b", "ä", "a\x00", "a\\b", "a:b", "a%2f", long + "a",
		strings.Repeat(long+"/", 4) + strings.Repeat("b", 97)} {
		if err := storage.CheckKey(key); !errs.Is(err, errs.Invalid) {
			t.Errorf("CheckKey(%q) = %v, want an error of kind invalid", key, err)
		}
	}
}

func TestCheckMeta(t *testing.T) {
	for _, meta := range []map[string]string{nil, {"a-1": ""}, {"job": "x y ~!"}} {
		if err := storage.CheckMeta(meta); err != nil {
			t.Errorf("CheckMeta(%v) = %v", meta, err)
		}
	}
	for _, meta := range []map[string]string{{"": "x"}, {"A": "x"}, {"a_b": "x"}, {"a": "ä"}, {"a": "x\n"}, {"a": " x"}} {
		if err := storage.CheckMeta(meta); !errs.Is(err, errs.Invalid) {
			t.Errorf("CheckMeta(%v) = %v, want an error of kind invalid", meta, err)
		}
	}
}
