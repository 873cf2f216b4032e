// Package jobs is all that the author of a job imports. A job is an ordinary Go program whose main calls Main:
//
//	type Count struct {
//		Word string
//		N    int64
//	}
//
//	func words(_ context.Context, line string, emit func(string, int64)) error {
//		for w := range jobs.Words(line) {
//			emit(w, 1)
//		}
//		return nil
//	}
//
//	func main() {
//		jobs.Main(jobs.Job[string, string, int64, Count]{Name: "wordcount", Map: words, Combine: jobs.Sum[int64]()})
//	}
//
// Run by hand it works over files (go run . file.txt); started by mrctl it is a plugin of the cluster's workers. Its
// parameters are ordinary flags of package flag.
//
// The functions of a job may run more than once for the same record: attempts fail and are tried again, slow ones get
// a twin. They depend on their arguments and the flags alone; the committed result holds each record exactly once.
//
// A string given to them is immutable and theirs for ever, though it keeps its batch of about 1 MiB alive: clone what
// is kept for long. A []byte, and anything of Arrow, is valid until the function returns.
package jobs
