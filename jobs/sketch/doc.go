// Package sketch holds small summaries of large data, as values that a job emits, folds and stores: how many different
// items there were (HLL), how numbers are distributed (DDSketch), which items came most (TopK).
//
// Each is the V of a job as it is, its zero value is the sketch of nothing, and its Merge is what jobs.Fold takes:
//
//	emit(page, sketch.HLL(nil).Add(user))
//
//	jobs.Job[string, string, sketch.HLL, Row]{Combine: jobs.Fold(sketch.HLL.Merge), Reduce: ...}
//
// Add and Merge are used as append is: they may change what they are called on, and give the sketch to go on with.
//
// The merge of an HLL or of a DDSketch is the same to the byte in whatever order things are added and merged, so that
// jobstest.Laws holds for them and the sketches themselves may be columns of a result. That of a TopK is so as long as it
// has room for all items; beyond that its bound holds in every order, but not every digit.
//
// A column of sketches that was stored is read again by ParseHLL and ParseDDSketch, which take none but whole ones. The
// methods of a slice of bytes that is no sketch panic.
package sketch
