// Command sort puts records in order.
package main

import "github.com/mrctl/mrctl/jobs"

func main() { jobs.Main(jobs.Identity[[]byte]("sort")) }
