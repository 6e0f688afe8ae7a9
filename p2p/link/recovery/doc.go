// Package recovery remembers the packets of a link that were sent and received, and finds out
// which of those sent were lost.
//
// A History holds what was sent, over all paths of the link, which share one sequence of packet
// numbers. Loss detection is a Path's: a packet is judged only by packets of the same path, by
// RACK (RFC 8985) and a probe timeout (RFC 9002, section 6.2). A lost packet is never sent
// again; the link sends its frames in new packets. Acks holds the numbers of packets that were
// received and decides when they are acknowledged.
//
// The package sends nothing and does not know what frames mean: a Frame names a stream by its
// number. It is not safe for concurrent use: the link's loop calls it.
//
// The peer may be hostile. Whatever it acknowledges, a History remembers at most 65,536 packets
// (about 13 MiB), and passing over those that are settled takes amortized constant time. Acks
// keeps at most 256 ranges. An ACK for a number that was never sent is for the caller to reject.
package recovery
