// Command sidebyside plays transfers of p2ptool and of its peers, which are iperf3, scp,
// rsync, croc and magic-wormhole, one after the other on this machine, and prints what
// came of them as tables in Markdown.
//
//	go run ./internal/sidebyside                     # all of it
//	go run ./internal/sidebyside -list               # what there is
//	go run ./internal/sidebyside -scenario loopback -size 64M -runs 1
//
// Every program is two real processes, and a third where it needs a server, which is
// started here too; the file that arrived is compared with the one that was sent. A
// scenario is played on loopback, or between network namespaces whose packets a
// lab of package natlab delays, loses and queues. No address can be given: load
// goes to loopback and to those namespaces alone. What is not installed is named and left
// out, and so is what needs root where there is none.
//
// The programs take turns, so that a machine that grows slower does so for
// all of them. Figures are medians of the runs.
//
// It needs Linux.
package main
