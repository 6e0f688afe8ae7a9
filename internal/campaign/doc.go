// Package campaign holds tests alone: whole runs of the program, drawn from a
// seed, that look for faults nobody has thought of.
//
// A run is a server and two or three people behind their NATs, who run the
// commands of internal/cmd in one process, on the network of internal/netsim and
// in the virtual time of testing/synctest: minutes pass in milliseconds. What
// they do (chat, send, wait, interrupt) and what happens to them (loss, outages,
// remapped NATs, other addresses, a restarted server, killed and stopped
// processes, changed files, full disks) is drawn from the seed before the run begins.
//
//		schedule -> world -> people and faults -> calm -> probes -> invariants
//
//	  - The schedule is everything that is drawn: a plan of the network, and events,
//	    each with its time. It is data, so that one can be left out.
//	  - The world is the network, with the homes and machines of the people.
//	  - An event is a deed: it starts a command, or changes the world for a while.
//	  - After the last event all faults end, and the network carries. Commands that
//	    still run must come to their end, and have 30 s between two signs of life.
//	  - Then probes: each person sends a file and a line to the next, and all must arrive.
//	  - The invariants are judged by what users have: exit statuses, the events of
//	    --json, and the files on the disk. They are listed in judge_test.go.
//
// # Running it
//
//	go test ./internal/campaign                           50 seeds; 40 under the race detector
//	go test ./internal/campaign -seeds 1000 -from 5000    any number
//	go test ./internal/campaign -seeds 1 -from 17 -trace  all that happens, with times
//	go test ./internal/campaign -run Shrink -from 17      a run that fails, with fewer events
//
// A seed that fails prints the commands that repeat and shrink it.
//
// # How far a seed repeats itself
//
// The schedule, the keys, the files, and what the network loses, delays and
// reorders are the seed's alone. Which goroutine runs first in the same instant is
// the scheduler's choice, files are on a real disk, and pauses before another
// attempt are drawn from a source that has no seed. So two runs of a seed have the
// same events at the same times; packets are the same up to the first thing that happens
// twice in an instant, often for a minute, and then differ: by 1 in 100 in number, and all
// commands end alike in 8 of 10 seeds. A fault that depends on more shows in some of the
// runs: -repeat N makes N of each seed. A trace ends with a digest of all packets.
//
// # Limits
//
// A killed process stops speaking at once, and its folder becomes what it was at that
// moment, but it is never killed within a call of the system. That, and
// disks that lose power, are what TestReal is for, which runs a sample with
// real processes.
package campaign
