package output

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
)

// claim is the body of ClaimKey: which job the output belongs to. It is replaced, never deleted, so that a slow process
// cannot take away a later job's claim.
type claim struct {
	V        int       `json:"v"`
	Job      string    `json:"job"`
	Released bool      `json:"released,omitempty"` // the job is over and came to nothing
	Since    time.Time `json:"since"`              // for people
	Nonce    string    `json:"nonce"`
}

const claimVersion = 1

// claimTries bounds how often a claim is tried that others keep changing.
const claimTries = 8

// Claim makes the output belong to a job, or finds that it does. A claim that another job has released is replaced, and
// so is one of a job that is over, as over tells; else the other job keeps the output and Claim is an errs.Conflict.
func Claim(ctx context.Context, store storage.Store, job string, over func(ctx context.Context, job string) (bool, error)) error {
	return change(ctx, store, func(c claim) (claim, bool, error) {
		switch {
		case c.Job == job && !c.Released:
			return c, false, nil
		case c.Job != "" && c.Job != job && !c.Released:
			ended, err := over(ctx, c.Job)
			if err == nil && !ended {
				err = errors.New("wait for it, cancel it, or name another output")
			}
			if err != nil {
				kind := errs.Conflict
				if k := errs.KindOf(err); k == errs.Unavailable || k == errs.Canceled {
					kind = k
				}
				return c, false, errs.E(kind, "claim output", "",
					fmt.Errorf("job %s has written to it since %s: %w", c.Job, c.Since.Format(time.RFC3339), err))
			}
		}
		return claim{Job: job}, true, nil
	})
}

// Release gives the output up for a job that failed or was cancelled. What is not the job's is left as it is.
func Release(ctx context.Context, store storage.Store, job string) error {
	return change(ctx, store, func(c claim) (claim, bool, error) {
		if c.Job != job || c.Released {
			return c, false, nil
		}
		c.Released = true
		return c, true, nil
	})
}

// change replaces the claim by what decide makes of it, until that is what lies there, or decide wants no change.
func change(ctx context.Context, store storage.Store, decide func(claim) (claim, bool, error)) error {
	var err error
	for range claimTries {
		var now claim
		body, info, getErr := store.Get(ctx, ClaimKey)
		switch {
		case errors.Is(getErr, storage.ErrNotExist):
			info.Version = ""
		case getErr != nil:
			return errs.E(errs.Other, "claim output", "", getErr)
		default:
			if err := json.Unmarshal(body, &now); err != nil {
				return errs.E(errs.Corrupt, "claim output", ClaimKey, err)
			}
			if now.V > claimVersion {
				return errs.E(errs.Invalid, "claim output", ClaimKey, fmt.Errorf("its version %d is newer than this program", now.V))
			}
		}
		next, changed, decideErr := decide(now)
		if decideErr != nil || !changed {
			return decideErr
		}
		next.V, next.Nonce, next.Since = claimVersion, rand.Text(), time.Now().UTC().Truncate(time.Second)
		if body, err = json.Marshal(next); err != nil {
			return errs.E(errs.Invalid, "claim output", "", err)
		}
		// Where the outcome is unknown, reading again tells: deciding twice changes nothing the second time.
		_, err = store.PutIf(ctx, ClaimKey, body, info.Version)
		if err == nil || ctx.Err() != nil || !errors.Is(err, storage.ErrPrecondition) && !errors.Is(err, storage.ErrUnknown) {
			break
		}
	}
	return errs.E(errs.Other, "claim output", "", err)
}

// Owner is the job that an output belongs to; empty where there is none, or it came to nothing.
func Owner(ctx context.Context, store storage.Store) (job string, err error) {
	body, _, err := store.Get(ctx, ClaimKey)
	if errors.Is(err, storage.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", errs.E(errs.Other, "read claim", ClaimKey, err)
	}
	var c claim
	if err := json.Unmarshal(body, &c); err != nil {
		return "", errs.E(errs.Corrupt, "read claim", ClaimKey, err)
	}
	if c.Released {
		return "", nil
	}
	return c.Job, nil
}

// shown is how many names a refusal lists.
const shown = 3

// Empty refuses an output in which something lies, as an errs.Invalid that says what. The claim and temporary files do
// not count. where names the output to the user.
func Empty(ctx context.Context, store storage.Store, where string) error {
	var names []string
	more := ""
	for info, err := range store.List(ctx, "", "") {
		if err != nil {
			return errs.E(errs.Other, "look into output", where, err)
		}
		if info.Key == ClaimKey || strings.HasPrefix(path.Base(info.Key), ".mrctl-") {
			continue
		}
		if len(names) == shown {
			more = " and more"
			break
		}
		names = append(names, info.Key)
	}
	if len(names) == 0 {
		return nil
	}
	return errs.E(errs.Invalid, "output", where, fmt.Errorf("it is not empty: it holds %s%s; name another output, or remove what is there",
		strings.Join(names, ", "), more))
}
