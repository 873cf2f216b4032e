// Package simtest puts the election and the records to the test, together, under simulated time: four coordinators that
// crash, leave and come back, writers that never look at the lease and wake up long after it went to another, and a store that loses
// requests and replies, applies writes up to 50 seconds late, answers 500 to what it did and storms with 503, while somebody
// deletes the lease, fills it with garbage or restores an old one.
//
// Everything that took effect is watched for the ten invariants, numbered as the checker reports them:
//
//	I1   an epoch is led by one incarnation, once
//	I2   the epochs in a job's chain never go down
//	I3   every acknowledged write is in the final state, once, in order
//	I4   no write of an epoch takes effect after the claim by a higher one
//	I5   without tampering, no two leaders' times overlap
//	I6   once faults stop there is a leader within T + P + 5 tries
//	I7   a leader stops assigning when its time is up
//	I8   a task has one winner, all who raced for it agree on it, and only it believes that it won
//	I9   nothing is deleted but the inbox entry of a job that has ended
//	I10  the lease, markers, plans and records are never deleted
//
// A check that never fails proves nothing. So the same runs are made without the epoch markers, and with a store that takes
// writes of job records blindly: there the checker must find violations.
//
//	go test ./coordinator/simtest                                          300 runs
//	MRCTL_SIM_RUNS=10000 go test -timeout 2h ./coordinator/simtest         more
//	MRCTL_SIM_SEED=17 MRCTL_SIM_RUNS=1 go test -v ./coordinator/simtest    one run again, with its log
package simtest
