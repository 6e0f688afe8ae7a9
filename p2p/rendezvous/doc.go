// Package rendezvous is the wire format between peers and their server, and of the handshake that both use:
// each message is a struct with an Append and a Parse function. It does nothing else. Package handshake makes
// sessions, client keeps a peer registered and introduces it to others, server is the other side of that. The flows,
// states and timers are described in docs/protocol.md.
//
// All numbers are big-endian. An address is 18 bytes: an IPv6 address, or an IPv4 address in IPv6-mapped
// form, and a port; zeros for none. Padding is zeros, and readers do not look at it. A reader skips what follows the
// fields it knows.
//
// # Datagrams
//
// The first byte is the type; 0 to 3 is STUN (RFC 8489).
//
//	HELLO, 128 bytes                       COOKIE, 86 bytes
//	 0  4                                   0  5
//	 1  version                             1  version of the responder
//	 2  purpose: 1 server, 2 link           2  purpose
//	 3  0                                   3  0
//	 4  nonce, 16                           4  nonce of the HELLO, 16
//	20  padding                            20  responder's public key, 32
//	                                       52  cookie, 16; zeros if the versions differ
//	                                       68  address that the HELLO came from, 18
//
//	INIT, 548 bytes                        RESPONSE, 548 bytes
//	 0  6                                   0  7
//	 1  version                             1  version
//	 2  purpose                             2  purpose
//	 3  0                                   3  0
//	 4  initiator's index, 4                4  initiator's index, 4
//	 8  nonce, 16                           8  responder's index, 4
//	24  cookie, 16                         12  Noise message 2, its payload padded
//	40  Noise message 1, its payload padded
//
//	DATA                                   RELAY
//	 0  8                                   0  9
//	 1  receiver's index, 4                 1  channel, 8
//	 5  counter, 8                          9  a DATA packet
//	13  sealed by package noise
//
//	UNKNOWN, 21 bytes                      STALE, 9 bytes
//	 0  10                                  0  11
//	 1  index of the DATA packet, 4         1  channel of the RELAY, 8
//	 5  its tag, the last 16 bytes
//
// The payload of Noise message 1 of a server session is a registration, that of message 2 a welcome:
//
//	registration                           welcome
//	 0  instance, 8: not 0                  0  seconds between keepalives, 2
//	 8  flags: 1 listening, 2 listed,       2  observed address, 18
//	    4 standby, 8 fallback              20  second observer's port, 2; 0: none
//	 9  version of links
//	10  length of the name, at most 64
//	11  name, UTF-8
//	    takes, 4
//
// # Messages of a session
//
// A DATA packet of a server session carries one message:
//
//	0  kind
//	1  request, 4: an answer repeats that of its request; 0: none is wanted
//	5  body
//
// The bodies by kind:
//
//	 1 KEEPALIVE  token, 8 (0: none); padding to 28 or 514
//	 2 ALIVE      seconds to the next KEEPALIVE, 2; observed address, 18; token, 8 (0: none);
//	              padding to the length of the request's body, at most 514
//	 3 LOOKUP     GUID, 16; instance, 8 (0: the process that gets calls); takes, 4; padding to 41
//	 4 FOUND      public key, 32; instance, 8; version of links, 1
//	 5 LIST       cursor, 8 (0: from the start); padding to 1,100 or 514
//	 6 PEERS      next cursor, 8 (0: the end); for each peer GUID, 16; seconds online, 4;
//	              length of the name, 1; name. No longer than its LIST
//	 7 INTRODUCE  GUID, 16; instance, 8 (0: the process that gets calls); version of links, 1; what, 1;
//	              length of data, 2; data; padding to 514
//	 8 INTRODUCED callee's observed address, 18; channel, 8 (0: none); length of data, 2; data
//	 9 CALL       caller's observed address, 18; channel, 8 (0: none); version of links, 1; what, 1;
//	              length of data, 2; data
//	10 ANSWER     length of data, 2; data
//	11 FAILED     code: 1 not found or offline, 2 refused, 3 too many, 4 malformed
//	12 BYE        nothing
//	13 REPLACED   as ALIVE
//
// What is 1 for a new link (data is a Noise message) and 2 for one that both have (data is a DATA packet of
// it). Data has at most 484 bytes: then no message but LIST and PEERS is longer than a datagram of 548 bytes, which
// every IPv4 path carries.
package rendezvous
