package main

import (
	"io"
	"strings"
	"testing"
)

// What --memory promises, on budgets so small that it takes seconds. The bound is of bytes and not of time, so that it
// holds on a busy machine too. The sort of 20 times the budget is make bench-memory's: it takes a minute.
func TestMemoryIsBounded(t *testing.T) {
	c, err := parse([]string{
		"-memory", "32MiB", "-cases", "memory-keys,memory-group,memory-rows", "-cache", t.TempDir(), "-scratch", t.TempDir(),
	}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	chosen, err := choose(c.cases)
	if err != nil {
		t.Fatal(err)
	}
	k, err := newKit(c, chosen, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer k.close()
	var table strings.Builder
	if err := measureAll(t.Context(), c, k, chosen, &table); err != nil {
		t.Errorf("%v\n%s", err, table.String())
	}
	if n := strings.Count(table.String(), "met"); n != len(chosen) {
		t.Errorf("%d of %d cases kept to their bound:\n%s", n, len(chosen), table.String())
	}
	t.Log(table.String())
}

// A program that holds more than it may fails the case, however right its answer is.
func TestMoreMemoryThanAllowedFails(t *testing.T) {
	r, table, err := bench(t, "fat", "memory-keys", "-memory", "32MiB")
	if err == nil || !r.Results[0].Watched || r.Results[0].Error != "" || !strings.Contains(table, "MISSED") {
		t.Errorf("%v\n%s", err, table)
	}
}
