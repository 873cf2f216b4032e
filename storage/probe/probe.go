package probe

import (
	"context"

	"github.com/mrctl/mrctl/storage"
)

func Check(ctx context.Context, s storage.Store) error { return nil }
