package sched

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkStep runs one job of many tasks to its end on many workers and reports the time of an event, all that
// follows from it included. It must not depend on the number of tasks.
func BenchmarkStep(b *testing.B) {
	for _, tasks := range []int{10_000, 1_000_000} {
		for _, workers := range []int{10, 1_000} {
			b.Run(fmt.Sprintf("tasks=%d/workers=%d", tasks, workers), func(b *testing.B) {
				events := 0
				for b.Loop() {
					b.StopTimer()
					s := New(Config{Seed: 1})
					var orders []Start
					step := func(e Event) {
						for _, effect := range s.Step(zero, e) {
							if start, ok := effect.(Start); ok {
								orders = append(orders, start)
							}
						}
					}
					for w := range workers {
						step(Join{Worker: WorkerID(fmt.Sprintf("worker-%04d", w)), Slots: 4})
					}
					step(Admit{Job: "0190c2a5-8f3e-7cc1-b3a0-6a1d2f4e5b6c", Maps: tasks, Reduces: 1})
					b.StartTimer()
					for len(orders) > 0 && orders[0].ID.Phase == Map {
						step(Done{ID: orders[0].ID, Worker: orders[0].Worker})
						orders = orders[1:]
						events++
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(events), "ns/event")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// BenchmarkProgress is what heartbeats cost: the most frequent event by far.
func BenchmarkProgress(b *testing.B) {
	s := New(Config{})
	s.Step(zero, Join{Worker: "w", Slots: 1000})
	var ids []AttemptID
	for _, effect := range s.Step(zero, Admit{Job: "j", Maps: 1000}) {
		if start, ok := effect.(Start); ok {
			ids = append(ids, start.ID)
		}
	}
	now := zero
	for i := 0; b.Loop(); i++ {
		now = now.Add(time.Microsecond)
		s.Step(now, Progress{ID: ids[i%len(ids)]})
	}
}

// BenchmarkJobs has many jobs in line at once.
func BenchmarkJobs(b *testing.B) {
	for _, jobs := range []int{10, 10_000} {
		b.Run(fmt.Sprint(jobs), func(b *testing.B) {
			s := New(Config{})
			var orders []Start
			step := func(e Event) {
				for _, effect := range s.Step(zero, e) {
					switch e := effect.(type) {
					case Start:
						orders = append(orders, e)
					case Commit:
						defer s.Step(zero, Committed(e))
					}
				}
			}
			for j := range jobs {
				step(Admit{Job: JobID(fmt.Sprint(j)), Maps: 2_000_000 / jobs, Priority: j % 7})
			}
			for w := range 100 {
				step(Join{Worker: WorkerID(fmt.Sprint(w)), Slots: 4})
			}
			for b.Loop() {
				if len(orders) == 0 {
					b.Fatal("nothing runs")
				}
				step(Done{ID: orders[0].ID, Worker: orders[0].Worker})
				orders = orders[1:]
			}
		})
	}
}
