package plan

import (
	"reflect"
	"testing"
	"time"
)

func all(t *testing.T) []Kind {
	t.Helper()
	kinds, err := Parse("all")
	if err != nil || len(kinds) != len(Faults) {
		t.Fatal(kinds, err)
	}
	return kinds
}

func TestASeedIsAPlan(t *testing.T) {
	c := Choices{Stores: []Store{Folder, VersityGW, MinIO}, Faults: all(t), Have: Root | Linux | Clocks | Spaces}
	for seed := range uint64(50) {
		if a, b := Make(seed, c), Make(seed, c); !reflect.DeepEqual(a, b) {
			t.Fatalf("seed %d is\n%v\nand\n%v", seed, a, b)
		}
		whole, again := Make(seed, c), c
		again.Stores = []Store{whole.Store} // as a replay names it
		if b := Make(seed, again); !reflect.DeepEqual(whole, b) {
			t.Fatalf("seed %d replays as\n%v\nand was\n%v", seed, b, whole)
		}
	}
}

func TestEveryFaultIsPlannedAndNoneThatCannotBe(t *testing.T) {
	drawn := map[Kind]int{}
	for seed := range uint64(2000) {
		for _, f := range Make(seed, Choices{Stores: []Store{Folder, MinIO}, Faults: all(t), Have: Root | Linux | Clocks | Spaces}).Faults {
			drawn[f.Kind]++
			if a := Of(f.Kind); f.For < a.From.Round(ms) || f.For > a.To {
				t.Errorf("%s lasts %v, want %v to %v", f.Kind, f.For, a.From, a.To)
			}
		}
		for _, f := range Make(seed, Choices{Stores: []Store{Folder}, Faults: all(t)}).Faults {
			if n := Of(f.Kind).Needs; n != 0 {
				t.Fatalf("%s needs %d, which is not there", f.Kind, n)
			}
		}
	}
	for _, a := range Faults {
		if drawn[a.Kind] < 20 {
			t.Errorf("%s came %d times in 2000 plans", a.Kind, drawn[a.Kind])
		}
	}
}

func TestFaultsCanBeNamed(t *testing.T) {
	kinds, err := Parse("kill-leader, disk,kill-leader")
	if err != nil || len(kinds) != 5 || kinds[0] != KillLeader {
		t.Errorf("%v, %v", kinds, err)
	}
	if _, err := Parse("kill-leader,kill-everyone"); err == nil {
		t.Error("an unknown fault is taken")
	}
	kinds, err = Parse("none")
	if p := Make(3, Choices{Stores: []Store{Folder}, Faults: kinds}); err != nil || len(p.Faults) != 0 {
		t.Errorf("%v, %v", p, err)
	}
}

func TestClocksJumpBothWaysByMinutesAndByWeeks(t *testing.T) {
	kinds, err := Parse("clock")
	if err != nil || len(kinds) != 3 {
		t.Fatal(kinds, err)
	}
	var least, most time.Duration
	for dose := range 101 {
		for _, k := range kinds {
			j := Fault{Kind: k, Dose: float64(dose) / 100}.Jump()
			if j.Abs() < 2*time.Minute || j.Abs() > 40*24*time.Hour || j < 0 != (k == ClockBack) {
				t.Errorf("%s of %d%% jumps by %v", k, dose, j)
			}
			least, most = min(least, j), max(most, j)
		}
	}
	if least > -39*24*time.Hour || most < 39*24*time.Hour {
		t.Errorf("jumps from %v to %v", least, most)
	}
	if p := Make(3, Choices{Stores: []Store{Folder}, Faults: kinds, Have: Clocks}); !p.MovesClocks() {
		t.Error(p)
	}
}

func TestPlansAreShort(t *testing.T) {
	for seed := range uint64(200) {
		p := Make(seed, Choices{Stores: []Store{Folder}, Faults: all(t)})
		if u := p.Undisturbed(); u < 4*time.Second || u > 10*time.Second {
			t.Errorf("seed %d takes %v undisturbed: %v", seed, u, p)
		}
		if p.Bound() < 4*p.Undisturbed() {
			t.Errorf("seed %d: bound %v", seed, p.Bound())
		}
	}
}
