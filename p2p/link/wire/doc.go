// Package wire appends and parses the frames of a link's packets.
//
// The sealed part of a DATA packet, which package rendezvous draws, is a sequence of frames,
// each a type of one byte and its fields. A varint is that of RFC 9000, section 16. Other
// numbers are big-endian and have the given number of bytes. An address is 16 bytes of IPv6
// (IPv4 in mapped form) and a port of 2.
//
//	0x00       PADDING
//	0x01       PING        id 8
//	0x02       PONG        id 8, address from which the PING came 18
//	0x03       ACK         largest varint, delay in µs varint, number of further ranges varint,
//	                       first range varint, and for each further one: gap varint, length
//	                       varint (RFC 9000, section 19.3)
//	0x04       WINDOW      stream varint, offset up to which its sender may send varint
//	0x05       RESET       stream varint, code varint: the sender gives the stream up
//	0x06       STOP        stream varint, code varint: the receiver wants no more of the stream
//	0x07       CANDIDATES  number 1, and for each: kind 1, address 18
//	0x08       DATAGRAM    length varint, data
//	0x09       CLOSE       code varint, length varint, reason in UTF-8
//	0x0A       NAT         length 1, mapping 1, filtering 1, stride 2, flags 1
//	0x0B       OPENED      length 1, lowest port 2, highest port 2, step 2: at these ports of
//	                       its address, as the server saw it, the sender's sockets wait for probes
//	0x0E       PIECE       number of the datagram varint, offset in it varint, its size varint,
//	                       length varint, data: part of a datagram too long for one packet
//	0x10–0x13  STREAM      stream varint, offset varint, length varint if bit 0x02 is set, data,
//	                       which without that bit fills the packet; bit 0x01: the stream ends here
//
// A packet with any frame but PADDING, PING, PONG, ACK and CLOSE is ack-eliciting (RFC
// 9000, section 1.2). NAT and OPENED have a length so that fields can be added behind
// those known.
//
// Frames come from the other peer, who is authenticated but may be hostile. Parse never
// panics, never allocates more than a packet's size, checks each length against what the
// packet holds, and rejects offsets beyond 2^62-1. It does not check what a frame refers
// to: that is the Handler's part.
package wire
