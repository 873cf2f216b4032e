package main

import (
	"math"
	"slices"
)

// Sketch counts positive numbers in buckets whose bounds grow by a constant factor, so that a quantile read from it is
// within 1 % of the true one (Masson, Rim, Lee: DDSketch, VLDB 2019). Merging adds counts: in whatever order sketches
// meet, the result is the same to the bit. The zero value is empty.
type Sketch struct {
	Buckets []int32 // ascending
	Counts  []int64
}

const (
	accuracy = 0.01
	gamma    = (1 + accuracy) / (1 - accuracy)
	// smallest is what everything below it counts as, in milliseconds.
	smallest = 1e-6
)

// Add counts x.
func (s *Sketch) Add(x float64) {
	bucket := int32(math.Ceil(math.Log(max(x, smallest)) / math.Log(gamma)))
	s.Merge(Sketch{[]int32{bucket}, []int64{1}})
}

// Merge adds the counts of t, which stays as it is.
func (s *Sketch) Merge(t Sketch) {
	if len(t.Buckets) == 0 {
		return
	}
	if len(t.Buckets) == 1 { // one hit among many: by far the most frequent
		i, found := slices.BinarySearch(s.Buckets, t.Buckets[0])
		if found {
			counts := slices.Clone(s.Counts)
			counts[i] += t.Counts[0]
			s.Counts = counts
			return
		}
	}
	var m Sketch
	i, j := 0, 0
	for i < len(s.Buckets) || j < len(t.Buckets) {
		switch {
		case j == len(t.Buckets) || i < len(s.Buckets) && s.Buckets[i] < t.Buckets[j]:
			m.Buckets, m.Counts = append(m.Buckets, s.Buckets[i]), append(m.Counts, s.Counts[i])
			i++
		case i == len(s.Buckets) || t.Buckets[j] < s.Buckets[i]:
			m.Buckets, m.Counts = append(m.Buckets, t.Buckets[j]), append(m.Counts, t.Counts[j])
			j++
		default:
			m.Buckets, m.Counts = append(m.Buckets, s.Buckets[i]), append(m.Counts, s.Counts[i]+t.Counts[j])
			i, j = i+1, j+1
		}
	}
	*s = m
}

// Quantile gives the value below which a share q of all lies; nil where there is none.
func (s *Sketch) Quantile(q float64) *float64 {
	var total int64
	for _, n := range s.Counts {
		total += n
	}
	if total == 0 {
		return nil
	}
	rank := int64(q * float64(total-1))
	for i, n := range s.Counts {
		if rank -= n; rank < 0 {
			v := 2 * math.Pow(gamma, float64(s.Buckets[i])) / (gamma + 1)
			return &v
		}
	}
	return nil
}
