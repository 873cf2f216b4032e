package shuffle

import (
	shufflev1 "github.com/mrctl/mrctl/api/shuffle/v1"
	"github.com/mrctl/mrctl/worker/runs"
)

// sectionOf finds what a request wants of a run.
func sectionOf(f *runs.File, req *shufflev1.FetchRequest) (runs.Range, error) {
	if s := req.GetSpan(); s != nil {
		return f.Span(&runs.Span{Part: int(req.GetPartition()), Low: s.Low, High: s.High})
	}
	return f.Section(int(req.GetPartition()))
}

func wireSpan(s *runs.Span) *shufflev1.Span {
	if s == nil {
		return nil
	}
	return &shufflev1.Span{Low: s.Low, High: s.High}
}
