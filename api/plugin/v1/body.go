// Package pluginv1 is the wire between a worker and a plugin.
package pluginv1

// SetBody sets the bulk bytes; see internal/frame.
func (x *MapRequest) SetBody(b []byte) { x.Body = b }

// SetBody sets the bulk bytes; see internal/frame.
func (x *MapResponse) SetBody(b []byte) { x.Body = b }

// SetBody sets the bulk bytes; see internal/frame.
func (x *ReduceRequest) SetBody(b []byte) { x.Body = b }

// SetBody sets the bulk bytes; see internal/frame.
func (x *ReduceResponse) SetBody(b []byte) { x.Body = b }
