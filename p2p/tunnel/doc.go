// Package tunnel carries datagrams in TLS streams over TCP, for networks that
// let no UDP pass.
//
// A Hub is a udp.Conn over any number of streams; whoever stands above sends and
// receives the same datagrams as by UDP. The end of a stream is an address, that
// of its TCP connection with a mark (see Mark). A stream is a sequence of
//
//	0  length of the datagram, 2, big-endian: 1 to 16,384
//	2  the datagram
//
// in either direction, under TLS 1.3 with the application protocol (ALPN)
// "p2ptool". A length of 0 or beyond ends the stream.
//
// As by UDP, a datagram may get lost: what a stream's other end does not take is
// dropped once 256 KiB wait, so that congestion control above sees loss instead of an
// ever longer queue, and where nothing is taken for ten seconds the stream is
// closed. What arrives faster than it is read is not: TCP slows its sender down.
// A stream costs two goroutines and about 50 KiB, and what waits in it.
//
// Whom it trusts: nobody. TLS is there to pass firewalls, and certificates are not
// checked; what is carried is sealed, and authenticated by the keys of the
// sessions within. Who breaks TLS open learns and can do what anybody on the
// way of a UDP datagram can.
package tunnel
