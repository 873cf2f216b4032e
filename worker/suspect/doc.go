// Package suspect finds the records of a split that kill the plugin: at which its process ends, a panic befalls it, or it
// does not come back.
//
//	records -> batch, one at a time -> Stream (a process of its own) -> done: the next batch
//	                 \-- death: pieces of it, and pieces of those, until one record is named; then on behind it
//
// What the plugin puts out meanwhile is thrown away: once the records are known, the attempt is run again without them.
// It is the answer to a death whose place nobody knows, for a process that is gone cannot say what it was at.
package suspect
