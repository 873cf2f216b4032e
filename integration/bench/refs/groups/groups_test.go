package groups

import (
	"maps"
	"strings"
	"testing"
)

func TestCount(t *testing.T) {
	got, err := Count(strings.NewReader("a xx\nb y\na zzz with blanks"))
	want := map[string]Sums{"a": {2, 17}, "b": {1, 1}}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if _, err := Count(strings.NewReader("alone\n")); err == nil {
		t.Error("a row without a value was counted")
	}
}
