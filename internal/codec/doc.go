// Package codec is the one encoding of keys and values. A key's bytes serve its hash, its order and its equality on
// every machine and in every SDK; the vectors in testdata bind all of them.
//
//	bool            1 byte, 0 or 1
//	intN, uintN     big-endian at their width, the sign bit of signed ones flipped; int and uint are 64 bits
//	floatN          IEEE 754 big-endian; sign bit flipped if it was clear, else all bits; -0 as +0; one NaN, last
//	time            nanoseconds since 1970 UTC as int64; what does not fit saturates; the zero time is the least
//	string, []byte  its bytes with 00 as 00 FF, then 00 00
//	[N]byte         its N bytes
//	pointer         00 for nil, or 01 and the value
//	struct, array   its fields, its elements, in order
//	slice           01 and the element for each, then 00          values only
//	map             01, key, element for each by key order, then 00   values only
//
// A type whose only column is a string or []byte is those bytes raw: nothing follows that they must be told from.
// bytes.Compare on encodings is the order of the values, field by field; a nil pointer comes first. Nil and empty
// slices are one value.
//
// A struct's exported fields are columns, in order, named in snake_case; the fields of an embedded struct stand in its
// place.
package codec
