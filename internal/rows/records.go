package rows

// Records is a batch of input records on its way to a map function: one Arrow string column by its raw buffers.
// Row i is Data[Off[i]:Off[i+1]]. With Terminated set, each row still ends with its line terminator ("\n", "\r\n", or
// none at the end of an object), so that the bytes of a file need not be moved.
type Records struct {
	Off        []int32 // rows+1 entries, or none when empty
	Data       []byte
	Terminated bool
	Origins    []Origin // where rows came from; ascending by Row, the first at row 0
	// Starts, if there are any, are the bytes of their objects at which rows begin, where the rows are not those bytes.
	Starts []int64
}

// Origin says that row Row of a batch, and the rows after it up to the next origin, come from Object. Row r of them
// begins at byte Offset + (Off[r] - Off[Row]) + (r - Row) * Gap of it.
type Origin struct {
	Row    int
	Object string // the URI as planned
	Offset int64  // bytes from the start of the (decompressed) object
	Gap    int    // bytes of terminator that were left out after each row; 0 when the batch is Terminated
}

// Len is the number of records.
func (r *Records) Len() int {
	if len(r.Off) == 0 {
		return 0
	}
	return len(r.Off) - 1
}

// Where gives the object and byte offset of row i. ok is false when the batch has no origins.
func (r *Records) Where(i int) (object string, offset int64, ok bool) {
	for j := len(r.Origins) - 1; j >= 0; j-- {
		if o := r.Origins[j]; o.Row <= i {
			if len(r.Starts) > i {
				return o.Object, r.Starts[i], true
			}
			return o.Object, o.Offset + int64(r.Off[i]-r.Off[o.Row]) + int64(i-o.Row)*int64(o.Gap), true
		}
	}
	return "", 0, false
}
