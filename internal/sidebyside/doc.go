// Command sidebyside compares p2ptool with iperf3, scp, rsync, croc and magic-wormhole. It
// runs their transfers one after the other on this machine, and prints the results as tables
// in Markdown.
//
//	go run ./internal/sidebyside                     # all scenarios and programs
//	go run ./internal/sidebyside -list               # their names
//	go run ./internal/sidebyside -scenario loopback -size 64M -runs 1
//
// Each transfer runs two real processes, and a server where the program needs one. The file
// that arrived is compared with the one that was sent. A scenario runs on loopback, or between
// network namespaces that a lab of package natlab connects, which delays, drops and queues
// packets. No address can be given: traffic goes to loopback and to those namespaces alone.
// Programs that are not installed are reported and left out, and so are scenarios that need
// root if the command does not run as root.
//
// The programs take turns, so that a change in the machine's load affects all of them alike.
// Figures are medians of the runs.
//
// It needs Linux.
package main
