// Package bench measures what the network between two peers, each one's disk, and all of them together
// carry. Run asks, a Host answers; both speak over streams that are reliable, ordered and
// authenticated, one for each measurement and one that lasts for all of them.
//
// Whom it trusts. The Host trusts the other side with its time and a part of its disk only, and only after
// consent: one session at a time, of five minutes at most, one measurement at a time, of 30 s at most; a
// file of at most 1 GiB and half of what is free, which has no name and is gone with the session.
// Run believes what the Host says that it measured.
//
// # Messages
//
// All numbers are big-endian. Each stream begins with a request of the side that opened it:
//
//	0  version, 1: now 2
//	1  what, 1: 0 session, 1 up, 2 down, 3 disk, 4 send, 5 receive
//	2  for how long, in ms, 4
//	6  token of the session, 16; zeros in the request for one
//
// The answer is
//
//	0  code, 1: 0 yes, 1 refused, 2 a session or measurement is under way, 3 failed
//	1  length, 2, and a reason, UTF-8 of at most 512 bytes
//	   of a session: its token, 16
//
// and after a yes comes
//
//	session  nothing: it lasts while the stream does
//	up       blocks, then an answer of the other side, and a rate, 8, in bytes a second
//	down     blocks of the other side
//	disk     the other side's answer, once more, and two rates, 8 each: of writing and of reading
//	send     a transfer, of the kind "file", of a stream that the opening side reads from its disk
//	receive  the same in the other direction
//
// A block has a length, 4, and so many bytes, at most 262,144. One of length 0 is the last.
// The rates of up and down leave the first fifth of the time out, in which a path is still
// being filled.
package bench
