package codec

import (
	"encoding/hex"
	"encoding/json"
	"flag"
	"math"
	"os"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files instead of comparing with them")

// vectors are the sentences of the package comment by example. Every SDK must pass them.
type vectors struct {
	Keys       []vector    `json:"keys"`
	Partitions []placement `json:"partitions"`
}

type vector struct {
	Type  string `json:"type"`
	Value string `json:"value"`
	Hex   string `json:"hex"`
}

type placement struct {
	Hex       string `json:"hex"`
	N         int    `json:"n"`
	Partition int    `json:"partition"`
}

func TestVectors(t *testing.T) {
	got := vectors{Keys: []vector{
		key(t, "bool", "false", false), key(t, "bool", "true", true),
		key(t, "int8", "-128", int8(-128)), key(t, "int8", "-1", int8(-1)), key(t, "int8", "127", int8(127)),
		key(t, "int16", "-2", int16(-2)), key(t, "int32", "1", int32(1)),
		key(t, "int64", "min", int64(math.MinInt64)), key(t, "int64", "0", int64(0)), key(t, "int64", "max", int64(math.MaxInt64)),
		key(t, "int", "-1", -1),
		key(t, "uint8", "255", uint8(255)), key(t, "uint16", "258", uint16(258)), key(t, "uint32", "1", uint32(1)),
		key(t, "uint64", "max", uint64(math.MaxUint64)), key(t, "uint", "7", uint(7)),
		key(t, "float64", "-Inf", math.Inf(-1)), key(t, "float64", "-1", -1.0), key(t, "float64", "-0", math.Copysign(0, -1)),
		key(t, "float64", "0", 0.0), key(t, "float64", "1.5", 1.5), key(t, "float64", "+Inf", math.Inf(1)),
		key(t, "float64", "NaN", math.NaN()), key(t, "float64", "NaN (sign set)", math.Float64frombits(0xfff8000000000001)),
		key(t, "float32", "-1", float32(-1)), key(t, "float32", "1.5", float32(1.5)), key(t, "float32", "NaN", float32(math.NaN())),
		key(t, "time", "1970-01-01T00:00:00Z", time.Unix(0, 0)), key(t, "time", "2015-05-17T10:05:03.000000001+02:00",
			time.Date(2015, 5, 17, 10, 5, 3, 1, time.FixedZone("", 7200))), key(t, "time", "the zero time", time.Time{}),
		key(t, "string", "alone", "a\x00b"), key(t, "string", "empty, alone", ""), key(t, "bytes", "alone", []byte("a\x00b")),
		key(t, "struct{string,string}", "a NUL b, empty", struct{ A, B string }{"a\x00b", ""}),
		key(t, "struct{string,int32}", "é, 1", struct {
			A string
			B int32
		}{"é", 1}),
		key(t, "struct{*int8,*int8}", "nil, 5", struct{ A, B *int8 }{nil, ptr(int8(5))}),
		key(t, "*string", "a", ptr("a")), key(t, "*string", "nil", (*string)(nil)),
		key(t, "[2]string", "a, b", [2]string{"a", "b"}), key(t, "[4]byte", "00 01 02 03", [4]byte{0, 1, 2, 3}),
		key(t, "struct{}", "", struct{}{}),
		value(t, "[]int8", "1, 2", []int8{1, 2}), value(t, "[]int8", "empty", []int8{}),
		value(t, "map[string]int8", "b: 2, a: 1", map[string]int8{"b": 2, "a": 1}),
	}}
	for _, k := range []string{"", "61", "746865", "00ff", "6d6170726564756365206f766572206f626a6563742073746f72616765"} {
		b, _ := hex.DecodeString(k)
		for _, n := range []int{1, 7, 8, 1000} {
			got.Partitions = append(got.Partitions, placement{k, n, Partition(b, n)})
		}
	}
	const file = "testdata/vectors.json"
	if *rewrite {
		out, err := json.MarshalIndent(got, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, append(out, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want vectors
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("the encoding is part of the format and must not change:\n%s", diff)
	}
}

func key[T any](t *testing.T, typ, text string, v T) vector {
	t.Helper()
	c, err := ForKey[T]()
	if err != nil {
		t.Fatal(err)
	}
	return vector{typ, text, hex.EncodeToString(c.Append(nil, v))}
}

func value[T any](t *testing.T, typ, text string, v T) vector {
	t.Helper()
	c, err := For[T]()
	if err != nil {
		t.Fatal(err)
	}
	return vector{typ, text, hex.EncodeToString(c.Append(nil, v))}
}

func ptr[T any](v T) *T { return &v }
