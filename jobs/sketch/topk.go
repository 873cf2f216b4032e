package sketch

import (
	"cmp"
	"slices"
)

// TopK finds the items that came most, counting no more than Room of them: the space-saving sketch of Metwally, Agrawal
// and El Abbadi (2005), merged as Cafaro, Pulimeno and Tempesta have it (2016). Of an item that is in it, Count is never
// too small, and Count-Over never too large. After n additions in all, over whatever merges, no Over is above n/Room, and
// every item that came more than n/Room times is in it. As long as there were no more than Room different items all is
// exact.
type TopK struct {
	Room  uint32 // 0: DefaultRoom
	Items []Item // by name
}

// Item is an item of a TopK and how often it came: at least Count-Over times, at most Count times.
type Item struct {
	Name        string
	Count, Over uint64
}

// DefaultRoom is how many items a TopK counts that does not say.
const DefaultRoom = 1000

// Add adds an item n times.
func (s TopK) Add(name string, n uint64) TopK {
	if n == 0 {
		return s
	}
	return s.add(Item{Name: name, Count: n})
}

func (s TopK) add(e Item) TopK {
	i, found := slices.BinarySearchFunc(s.Items, e.Name, func(e Item, name string) int { return cmp.Compare(e.Name, name) })
	switch {
	case found:
		s.Items[i].Count += e.Count
		s.Items[i].Over += e.Over
		return s
	case len(s.Items) < s.room():
		s.Items = slices.Insert(s.Items, i, e)
		return s
	}
	out := s.weakest()
	over := s.Items[out].Count
	s.Items = slices.Delete(s.Items, out, out+1)
	if out < i {
		i--
	}
	s.Items = slices.Insert(s.Items, i, Item{e.Name, e.Count + over, e.Over + over})
	return s
}

// Merge is the sketch of what was added to both, with the lesser room of the two.
func (s TopK) Merge(t TopK) TopK {
	if s.Room == t.Room && len(t.Items) == 1 && t.room() > 1 {
		return s.add(t.Items[0]) // what the rest of this function would give, without a copy
	}
	// What one does not count may have come as often there as the least that it counts.
	sMost, tMost := s.Missed(), t.Missed()
	out := TopK{Items: make([]Item, 0, len(s.Items)+len(t.Items))}
	if out.Room = s.Room; s.room() > t.room() {
		out.Room = t.Room
	}
	if s.room() == t.room() {
		out.Room = max(s.Room, t.Room)
	}
	for a, b := s.Items, t.Items; len(a) > 0 || len(b) > 0; {
		order := 0
		switch {
		case len(a) == 0:
			order = 1
		case len(b) == 0:
			order = -1
		default:
			order = cmp.Compare(a[0].Name, b[0].Name)
		}
		var e Item
		if order <= 0 {
			e, a = a[0], a[1:]
		} else {
			e = Item{Count: sMost, Over: sMost}
		}
		if order >= 0 {
			e = Item{b[0].Name, e.Count + b[0].Count, e.Over + b[0].Over}
			b = b[1:]
		} else {
			e.Count, e.Over = e.Count+tMost, e.Over+tMost
		}
		out.Items = append(out.Items, e)
	}
	if most := out.room(); len(out.Items) > most {
		slices.SortFunc(out.Items, stronger)
		out.Items = slices.Clip(out.Items[:most:most])
		slices.SortFunc(out.Items, func(a, b Item) int { return cmp.Compare(a.Name, b.Name) })
	}
	return out
}

// Top are the n items that came most, or all there are, the most frequent first; equal ones by name.
func (s TopK) Top(n int) []Item {
	top := slices.Clone(s.Items)
	slices.SortFunc(top, stronger)
	return top[:max(min(n, len(top)), 0)]
}

// Missed is how often an item that is not in the sketch may have come.
func (s TopK) Missed() uint64 {
	if len(s.Items) < s.room() {
		return 0
	}
	return s.Items[s.weakest()].Count
}

func (s TopK) room() int {
	if s.Room == 0 {
		return DefaultRoom
	}
	return int(s.Room)
}

// weakest is the place of the item that makes room for another: the last in Top's order.
func (s TopK) weakest() int {
	at := 0
	for i := range s.Items {
		if stronger(s.Items[i], s.Items[at]) > 0 {
			at = i
		}
	}
	return at
}

func stronger(a, b Item) int {
	return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name))
}
