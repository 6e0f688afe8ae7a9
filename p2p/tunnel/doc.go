// Package tunnel carries datagrams in TLS streams over TCP, for networks that
// block UDP.
//
// A Hub is a udp.Conn over any number of streams, so the layers above send and receive the same datagrams as
// over UDP. The address of a stream is that of its TCP connection with a mark (see Mark). A stream is a sequence of
//
//	0  length of the datagram, 2, big-endian: 1 to 16,384
//	2  the datagram
//
// in either direction, under TLS 1.3 with the application protocol (ALPN)
// "p2ptool". A length of 0 or beyond ends the stream.
//
// As over UDP, a datagram may be lost: beyond 256 KiB that wait to be sent, datagrams are dropped, so that congestion
// control above sees loss rather than an ever longer queue. A stream whose other end reads nothing for ten seconds is
// closed. Received datagrams are not dropped: TCP slows the sender down. A stream costs two goroutines and about
// 50 KiB, beside what waits in it.
//
// Whom it trusts: nobody. TLS is there to pass firewalls, and certificates are not
// checked; the contents are sealed and authenticated by the keys of the sessions
// within. Anyone who breaks TLS can do what anyone on a UDP path can.
package tunnel
