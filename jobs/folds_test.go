package jobs

import (
	"errors"
	"strings"
	"testing"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
)

// A fold that panics fails the attempt and names the key, whichever table its pairs meet in, and the next attempt finds
// nothing of it there.
func TestFoldThatPanicsNamesItsKey(t *testing.T) {
	for _, name := range []string{"fold", "queued"} {
		t.Run(name, func(t *testing.T) {
			armed := true
			c := combiners[name]
			sum, into := c.fold, c.into
			c.fold = func(a, b int64) int64 {
				if armed && a+b > 2 {
					panic("too many")
				}
				return sum(a, b)
			}
			if into != nil {
				c.into = func(acc, v *int64, fresh bool) { *acc = c.fold(*acc, *v) }
			}
			job := wordJob{Name: "x", Map: countWords, Combine: c}
			p := compiled(t, job)
			run := func(text string) error {
				_, err := p.Map(t.Context(), &pluginv1.MapStart{}, boundary.LocalMap{
					Next: (&lineReader{files: []string{"-"}, stdin: strings.NewReader(text)}).next,
					Out:  func(*boundary.Pairs) error { return nil },
				})
				return err
			}
			err := run("a b c b b a\n")
			var f *boundary.Failure
			if !errors.As(err, &f) || string(f.Key) != "b" || !strings.Contains(f.Text, `"b" were combined: panic: too many`) {
				t.Errorf("%v", err)
			}
			if err := run("c c a a\n"); err != nil {
				t.Errorf("the next attempt: %v", err)
			}
		})
	}
}
