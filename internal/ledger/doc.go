// Package ledger is what lies where in the cluster's store, and the bodies that more than one party reads or writes:
// coordinator, worker, client.
//
//	lease                                                  replaced by PutIf, never deleted: who leads
//	lease.epochs/<20 digits>                               create-once: the epochs that have been used
//	inbox/<id>                                             create-once, by the submitter: a job to be done
//	jobs/<id>/job                                          a chain of PutIf: how the job stands
//	jobs/<id>/plan/...                                     create-once: its splits (see storage/dataset)
//	jobs/<id>/t/<stage>-<map|reduce>/<gen>/<n>             create-once: the winning attempt of a task
//	jobs/<id>/logs/<stage>-<map|reduce>-<n>.<attempt>      what an attempt wrote to standard error
//	jobs/<id>/events/<epoch>-<seq>                         create-once: what happened, as far as a leader had come
//	jobs/<id>/history                                      create-once: what happened, for people
//	jobs/<id>/swept                                        create-once: nothing staged is left of it (see coordinator/gc)
//	ended/<id>                                             create-once: the index of jobs that are over
//	plugins/<sha256>                                       binaries, named by their content
//
// Two kinds of record, and no third. A create-once record is a fact that never changes; whoever races to state it, one
// wins and all learn who. A chain is replaced by PutIf against the version last read, so that nothing is ever lost.
// Every body holds a nonce or is a function of its key: a writer whose reply got lost reads the key and knows his own.
package ledger
