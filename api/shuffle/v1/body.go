// Package shufflev1 is the wire between workers: reduce attempts read their partition of map runs.
package shufflev1

// SetBody sets the bulk bytes; see internal/frame.
func (x *FetchResponse) SetBody(b []byte) { x.Body = b }
