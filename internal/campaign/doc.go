// Package campaign contains only tests: whole runs of the program, drawn from a seed,
// that look for faults nobody has thought of.
//
// A run has a server and two or three people behind NATs. They run the commands of
// internal/cmd in one process, on the network of internal/netsim and in the virtual
// time of testing/synctest, so minutes pass in milliseconds. The seed determines
// what they do (chat, send, ping, bench, wait, interrupt) and what happens to them (loss,
// outages, NAT rebinding, new addresses, server restarts, killed and stopped
// processes, changed files, full disks) before the run begins.
//
//		schedule -> world -> people and faults -> calm -> probes -> invariants
//
//	  - The schedule is everything that is drawn: a plan of the network, and events
//	    with their times. It is data, so events can be left out.
//	  - The world is the network with the homes and machines of the people.
//	  - An event starts a command, or changes the world for a while.
//	  - After the last event all faults end. Commands that still run have to end.
//	  - Then each person sends a file and a chat line to the next one, and all of them have to arrive.
//	  - The invariants are checked on what users see: exit statuses, the events of
//	    --json, and the files on disk. judge_test.go lists them.
//
// # Running it
//
//	go test ./internal/campaign                           50 seeds; 40 under the race detector
//	go test ./internal/campaign -seeds 1000 -from 5000    any number of seeds
//	go test ./internal/campaign -seeds 1 -from 17 -trace  everything that happens, with times
//	go test ./internal/campaign -run Shrink -from 17      remove events from a seed that fails
//
// A seed that fails prints the commands that repeat and shrink it.
//
// # Determinism
//
// The seed alone determines the schedule, the keys, the files, and what the network
// loses, delays and reorders. It does not determine the order of goroutines that
// run in the same instant, the real disk, or the jitter of retries. Two runs of
// a seed have the same events at the same times. Their packets are equal until two
// things happen in one instant, often for a minute; after that about 1 in 100
// differs, and in 8 of 10 seeds all commands end with the same status. To
// find a fault that depends on more than the seed, run each seed N times with
// -repeat N. A trace ends with a digest of all packets.
//
// # Limits
//
// Killing a process silences it and freezes its folder, but never in the middle of a
// system call. There is no multicast, so no discovery on local networks. Full disks
// need Linux and root. TestReal runs a sample with real processes and disks that
// lose power.
package campaign
