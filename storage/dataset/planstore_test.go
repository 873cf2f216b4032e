package dataset

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/mem"
	"github.com/mrctl/mrctl/storage/storagetest/crash"
)

func someSplits(n int) []Split {
	var splits []Split
	for i := range n {
		p := Piece{URI: fmt.Sprintf("mem://b/dir <&>\u2028 %d\x00", i), Size: int64(i) + 10, Version: "v", Off: 1, Len: int64(i)}
		splits = append(splits, Split{Pieces: []Piece{p, {URI: "mem://b/x.gz", Size: 3, Len: 3, Codec: "gzip"}}, Bytes: int64(i) + 3})
	}
	return append(splits, Split{})
}

// writePlan is what a planner does, over a store that may die under it.
func writePlan(t *testing.T, store storage.Store, splits []Split) (Head, error) {
	w := NewPlanWriter(store, "job")
	for _, s := range splits {
		if err := w.Add(t.Context(), s); err != nil {
			return Head{}, err
		}
	}
	return w.Finish(t.Context(), Head{Partitions: 7, Objects: 2, Warnings: []string{"w"}, Stage: []byte{0, 255}, SplitSize: 9})
}

func checkPlan(t *testing.T, store storage.Store, splits []Split) {
	t.Helper()
	plans := NewPlans(store)
	for i := range splits {
		i = len(splits) - 1 - i
		got, err := plans.Split(t.Context(), "job", i)
		if err != nil || !reflect.DeepEqual(got, splits[i]) {
			t.Fatalf("split %d: %v, %v", i, got, err)
		}
	}
	got, err := ReadSplit(t.Context(), store, "job", len(splits)/2)
	if err != nil || !reflect.DeepEqual(got, splits[len(splits)/2]) {
		t.Fatalf("%v, %v", got, err)
	}
	for _, i := range []int{-1, len(splits)} {
		if _, err := plans.Split(t.Context(), "job", i); !errs.Is(err, errs.Invalid) {
			t.Errorf("split %d: %v", i, err)
		}
	}
}

func TestPlanStore(t *testing.T) {
	for _, n := range []int{0, 1, chunkSplits - 1, chunkSplits, 5*chunkSplits + 3} {
		store := mem.New()
		if _, err := ReadHead(t.Context(), store, "job"); !errs.Is(err, errs.NotFound) {
			t.Errorf("before there is a plan: %v", err)
		}
		splits := someSplits(n)
		h, err := writePlan(t, store, splits)
		if err != nil || h.Maps != n+1 || h.Partitions != 7 || len(h.First) != n/chunkSplits+1 {
			t.Fatalf("%+v, %v", h, err)
		}
		if there, err := ReadHead(t.Context(), store, "job"); err != nil || !reflect.DeepEqual(there, h) {
			t.Errorf("%+v, %v", there, err)
		}
		checkPlan(t, store, splits)
	}
}

// A chunk closes before it grows out of a record, whatever the names are made of.
func TestPlanStoreLargeSplits(t *testing.T) {
	worst := strings.Repeat("\x01", 255) // six bytes each in JSON
	var objects []Object
	for i := range 3 * maxPieces {
		objects = append(objects, Object{URI: fmt.Sprintf("mem://b/%s%d", worst, i), Size: 1, Version: "v"})
	}
	splits := planAll(t, PlanOptions{SplitSize: 1 << 30}, objects...)
	store := mem.New()
	if h, err := writePlan(t, store, splits); err != nil || len(h.First) < 2 {
		t.Fatalf("%+v, %v", h.First, err)
	}
	checkPlan(t, store, splits)
}

// Wherever a planner dies, the next one finishes the work, and all who planned agree.
func TestPlanStoreCrash(t *testing.T) {
	splits := someSplits(2 * chunkSplits)
	for _, how := range []crash.How{crash.Before, crash.After, crash.Unknown} {
		for at := 1; ; at++ {
			store := mem.New()
			first := crash.New(store, at, how)
			h1, err1 := writePlan(t, first, splits)
			h2, err2 := writePlan(t, store, splits)
			if err2 != nil || err1 == nil && !reflect.DeepEqual(h1, h2) {
				t.Fatalf("death %d at call %d: %v, then %v", how, at, err1, err2)
			}
			if how == crash.Unknown && err1 != nil {
				t.Errorf("a lost answer at call %d: %v", at, err1)
			}
			checkPlan(t, store, splits)
			if !first.Hit() {
				break
			}
		}
	}
}

func TestPlanStoreDamage(t *testing.T) {
	store := mem.New()
	splits := someSplits(3)
	h, err := writePlan(t, store, splits)
	if err != nil {
		t.Fatal(err)
	}
	replace := func(key string, body []byte) {
		_, info, err := store.Get(t.Context(), key)
		if err == nil {
			_, err = store.PutIf(t.Context(), key, body, info.Version)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	chunk := PlanChunkKey("job", h.Nonce, 0)
	good, _, err := store.Get(t.Context(), chunk)
	if err != nil {
		t.Fatal(err)
	}
	replace(chunk, good[:len(good)-1])
	if _, err := ReadSplit(t.Context(), store, "job", 0); !errs.Is(err, errs.Corrupt) || !strings.Contains(err.Error(), chunk) {
		t.Errorf("%v", err)
	}
	for text, want := range map[string]errs.Kind{
		`{`: errs.Corrupt, `{"v":2}`: errs.Invalid, `{"v":1,"maps":3}`: errs.Corrupt, `{"v":1,"maps":3,"first":[1]}`: errs.Corrupt,
		`{"v":1,"maps":3,"first":[0,3]}`: errs.Corrupt,
	} {
		replace(PlanHeadKey("job"), []byte(text))
		if _, err := ReadHead(t.Context(), store, "job"); !errs.Is(err, want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	h.Maps = 3
	b, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	replace(PlanHeadKey("job"), b)
	replace(chunk, good)
	if _, err := ReadSplit(t.Context(), store, "job", 0); !errs.Is(err, errs.Corrupt) {
		t.Errorf("more splits than the head says: %v", err)
	}
}

// A worker that runs task after task reads each chunk once.
func TestPlansCache(t *testing.T) {
	store := mem.New()
	splits := someSplits(3*chunkSplits - 1)
	if _, err := writePlan(t, store, splits); err != nil {
		t.Fatal(err)
	}
	reads := crash.New(store, 1+3+1, crash.Before) // head, three chunks, then no more
	plans := NewPlans(reads)
	for i := range splits {
		if _, err := plans.Split(t.Context(), "job", i); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ReadHead(t.Context(), reads, "job"); !errors.Is(err, crash.Err) {
		t.Errorf("the plan was read in fewer than 4 calls: %v", err)
	}
}
