package jobstest

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// generator makes records of a type: odd ones, and such as look like those that the author gave. The same seed gives the
// same records.
type generator struct {
	rng   *rand.Rand
	given []string // texts of the author's records, and pieces of them
}

// oddTexts are lines as they do occur, and as programs do not expect them. No line has a line end within.
var oddTexts = []string{
	"", " ", "a", "\t", "a\tb", ",", `"`, `\`, "\x00", "\xff\xfe", "caf\xc3", "\u00a0", "\u2003x", "é", "0", "-1", "1e9", "\r",
	"null", "{}", "%", "=", "::", strings.Repeat("x", 300), strings.Repeat("ab ", 2000),
}

// generate makes n records like those given.
func generate[In any](given []In, n int, seed uint64) []In {
	g := &generator{rng: rand.New(rand.NewPCG(seed, uint64(n)))}
	for _, r := range given {
		g.learn(reflect.ValueOf(r))
	}
	out := make([]In, n)
	for i := range out {
		v := reflect.ValueOf(&out[i]).Elem()
		if len(given) > 0 && v.Kind() == reflect.Struct && g.rng.IntN(2) == 0 {
			out[i] = given[g.rng.IntN(len(given))] // one that was given, but for a field
			if f := v.Field(g.rng.IntN(max(v.NumField(), 1))); f.CanSet() {
				g.fill(f, 0)
			}
			continue
		}
		g.fill(v, 0)
	}
	return out
}

// learn takes up the texts of a record.
func (g *generator) learn(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		g.given = append(g.given, v.String())
		g.given = append(g.given, strings.Fields(v.String())...)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			g.learn(reflect.ValueOf(string(v.Bytes())))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			g.learn(v.Field(i))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			g.learn(v.Elem())
		}
	}
}

// text makes a text: an odd one, one that was given, or two put together, perhaps with a piece cut off or a byte changed.
func (g *generator) text() string {
	pick := func() string {
		if len(g.given) > 0 && g.rng.IntN(2) == 0 {
			return g.given[g.rng.IntN(len(g.given))]
		}
		return oddTexts[g.rng.IntN(len(oddTexts))]
	}
	s := pick()
	switch g.rng.IntN(6) {
	case 0:
		s += " " + pick()
	case 1:
		s = s[:g.rng.IntN(len(s)+1)]
	case 2:
		if len(s) > 0 {
			b := []byte(s)
			if b[g.rng.IntN(len(b))] = byte(g.rng.UintN(256)); !slices.Contains(b, '\n') {
				s = string(b)
			}
		}
	}
	return s
}

// integers are sizes at which programs err. None is so large that sums of them cannot be had exactly as floats.
var integers = []int64{0, 1, -1, 2, 7, 100, -100, 127, 128, -128, 255, 32767, 1 << 31, -1 << 31, 1 << 40}

// fill sets a value. What Program refuses in a record (channels, functions) stays as it is.
func (g *generator) fill(v reflect.Value, depth int) {
	some := func() int { return g.rng.IntN(4) }
	switch v.Kind() {
	case reflect.String:
		s := g.text()
		if depth > 0 && g.rng.IntN(4) > 0 { // columns hold text as a rule, in any file but one of CSV
			s = strings.ToValidUTF8(s, "")
		}
		v.SetString(s)
	case reflect.Bool:
		v.SetBool(g.rng.IntN(2) == 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(integers[g.rng.IntN(len(integers))] << (64 - v.Type().Bits()) >> (64 - v.Type().Bits()))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(max(integers[g.rng.IntN(len(integers))], 0)) << (64 - v.Type().Bits()) >> (64 - v.Type().Bits()))
	case reflect.Float32, reflect.Float64: // sums of these are exact, in any order
		v.SetFloat(float64(g.rng.IntN(2001)-1000) / 8)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte(g.text()))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), some(), 4))
		for i := range v.Len() {
			g.fill(v.Index(i), depth+1)
		}
	case reflect.Array:
		for i := range v.Len() {
			g.fill(v.Index(i), depth+1)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range some() {
			key, elem := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			g.fill(key, depth+1)
			g.fill(elem, depth+1)
			v.SetMapIndex(key, elem)
		}
	case reflect.Pointer:
		if v.SetZero(); g.rng.IntN(3) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			g.fill(v.Elem(), depth+1)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() && v.CanSet() {
			v.Set(reflect.ValueOf(time.Unix(integers[g.rng.IntN(len(integers))]>>8, 0).UTC()))
			return
		}
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() || f.Kind() == reflect.Struct { // one that is embedded
				g.fill(f, depth+1)
			}
		}
	}
}

// simpler sets v to values of its type that are simpler, the simplest first, and calls try for each, until that says yes;
// v is what it was if none did.
func simpler(v reflect.Value, try func() bool) bool {
	if v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[time.Time]() {
		for i := range v.NumField() {
			if f := v.Field(i); (f.CanSet() || f.Kind() == reflect.Struct) && simpler(f, try) {
				return true
			}
		}
		return false
	}
	if !v.CanSet() {
		return false
	}
	was := reflect.New(v.Type()).Elem()
	was.Set(v)
	attempt := func(to reflect.Value) bool {
		v.Set(to)
		if try() {
			return true
		}
		v.Set(was)
		return false
	}
	switch {
	case v.Kind() == reflect.String:
		return shorter(v.String(), func(s string) bool { return attempt(reflect.ValueOf(s).Convert(v.Type())) })
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8:
		return shorter(string(v.Bytes()), func(s string) bool { return attempt(reflect.ValueOf([]byte(s)).Convert(v.Type())) })
	}
	return !v.IsZero() && attempt(reflect.Zero(v.Type()))
}

// shorter tries s without pieces of it, large ones first, then with its characters made plain.
func shorter(s string, try func(string) bool) bool {
	for size := len(s); size > 0; size /= 2 {
		for from := 0; from < len(s); from += size {
			if rest := s[:from] + s[min(from+size, len(s)):]; try(rest) {
				return true
			}
		}
	}
	if len(s) <= 32 { // two characters far from each other, for what depends on equal lengths
		for i := range len(s) {
			for j := i + 1; j < len(s); j++ {
				if try(s[:i] + s[i+1:j] + s[j+1:]) {
					return true
				}
			}
		}
	}
	for i, c := range s {
		_, n := utf8.DecodeRuneInString(s[i:])
		if c != 'a' && c != ' ' && try(s[:i]+"a"+s[i+n:]) {
			return true
		}
	}
	return false
}
