// Package bench measures the throughput of the network between two peers, of each peer's disk, and of
// a transfer from disk to disk. Run measures, with the help of a Host on the other side. They communicate
// over reliable, ordered and authenticated streams: one for the session and one for each measurement.
//
// Whom it trusts. The Host gives the other side, after consent, some of its time and disk: one session at a
// time, of at most five minutes; one measurement at a time, of at most 30 s; and one file of at most 1 GiB
// and half of the free space, which has no name and disappears with the session. Run trusts the rates that
// the Host reports.
//
// # Messages
//
// All numbers are big-endian. Each stream begins with a request from the side that opened it:
//
//	0  version, 1: now 2
//	1  what, 1: 0 session, 1 up, 2 down, 3 disk, 4 send, 5 receive
//	2  duration in ms, 4
//	6  token of the session, 16; zero in the request for a session
//
// The answer is
//
//	0  code, 1: 0 yes, 1 refused, 2 a session or measurement is under way, 3 failed
//	1  length, 2, and a reason, UTF-8, at most 512 bytes
//	   for a session: its token, 16
//
// After a yes follows
//
//	session  nothing: the session lasts as long as the stream
//	up       blocks, then an answer from the host with a rate, 8, in bytes per second
//	down     blocks from the host
//	disk     a second answer from the host with two rates, 8 each: of writing and of reading
//	send     a transfer, as on a stream of kind "file", that the opening side reads from its disk
//	receive  the same in the other direction
//
// A block has a length, 4, and that many bytes, at most 262,144. A block of length 0 is the last.
// The rates of up and down exclude the first fifth of the time, in which the link fills the
// path.
package bench
