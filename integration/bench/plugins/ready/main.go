// Command ready counts words with the ready-made job of the SDK.
package main

import "github.com/mrctl/mrctl/jobs"

var job = jobs.WordCounts("ready")

func main() { jobs.Main(job) }
