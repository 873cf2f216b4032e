package gen

import (
	"math"
	"math/rand/v2"
)

// zipf draws numbers in [0, n), number i with a weight of 1/(i+1)^s, by Walker's alias method: n columns of equal
// weight, each shared by at most two numbers, so a draw is one look at one column.
type zipf []column

type column struct {
	own   uint32 // the share of the column's own number, of 2^32
	other uint32 // whose the rest is
}

func newZipf(n int, s float64) zipf {
	weight := make([]float64, n) // in columns: the mean is 1
	sum := 0.0
	for i := range weight {
		weight[i] = math.Pow(float64(i+1), -s)
		sum += weight[i]
	}
	var light, heavy []int
	for i := range weight {
		weight[i] *= float64(n) / sum
		if weight[i] < 1 {
			light = append(light, i)
		} else {
			heavy = append(heavy, i)
		}
	}
	z := make(zipf, n)
	for i := range z {
		z[i] = column{own: math.MaxUint32, other: uint32(i)}
	}
	// A light number fills its column with a piece of a heavy one, which is light itself once it has given enough away.
	for len(light) > 0 && len(heavy) > 0 {
		l, h := light[len(light)-1], heavy[len(heavy)-1]
		light = light[:len(light)-1]
		z[l] = column{own: uint32(weight[l] * math.MaxUint32), other: uint32(h)}
		weight[h] -= 1 - weight[l]
		if weight[h] < 1 {
			heavy = heavy[:len(heavy)-1]
			light = append(light, h)
		}
	}
	return z // what is left over by rounding has its whole column
}

func (z zipf) draw(r *rand.PCG) int {
	u := r.Uint64()
	i := int((u >> 32) * uint64(len(z)) >> 32)
	if c := z[i]; uint32(u) > c.own {
		return int(c.other)
	}
	return i
}
