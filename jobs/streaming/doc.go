// Package streaming runs any program as a job, in the manner of Hadoop Streaming: lines go to the standard input of a
// command, and what it writes are pairs, a tab between key and value.
//
// To the engine it is a plugin like any other. The binary that serves it is mrctl itself, called by the worker with Verb
// as its first argument and the rest of Config.Args behind it. Within it, a map command is a filter before the SDK's own
// map (see mapPort): its output lines are the records of a job whose function cuts them at the tab, so that combining,
// batches and counters are the SDK's. A reduce command stands between the sorted pairs and the rows of the result.
//
// A command may write before it has read, read nothing, or end early. Three goroutines stand around each (see command):
// one writes to it, one reads its output, one its standard error, each with a bounded buffer; the attempt's own goroutine
// (see pump) takes what the command has to give whenever the command does not take what the attempt has. No two of them
// wait for each other in a circle.
package streaming
