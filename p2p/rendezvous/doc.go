// Package rendezvous brings peers together: the server that they register
// with, and the client of it that each peer has.
//
// A peer proves that it receives at its address (HELLO, COOKIE), makes a
// session with the server (INIT, RESPONSE) and keeps it by sealed packets. Over
// the session it looks others up, has itself introduced to them, and gets the
// channels of the relay that carries a link until a direct path is found. What
// two peers tell each other during an introduction is sealed between them.
//
// The bytes, all numbers big-endian:
//
//	HELLO     4 | version | purpose | 0 | nonce 16 | zeros to 128
//	COOKIE    5 | version | purpose | 0 | nonce 16 | key 32 | cookie 16 | address 18
//	INIT      6 | version | purpose | 0 | index 4 | nonce 16 | cookie 16 | Noise message 1
//	RESPONSE  7 | version | purpose | 0 | initiator's index 4 | index 4 | Noise message 2
//	DATA      8 | index 4 | counter 8 | sealed: kind 1 | request 4 | body
//	RELAY     9 | channel 8 | DATA
//	UNKNOWN  10 | index 4
//	STALE    11 | channel 8
//
// Readers skip what follows the fields that they know, and do not look at
// bytes that are told to be zero.
//
// Limits: the server keeps nothing for an address before that address has
// returned a cookie, gives no answer longer than its request (but to a STUN
// request of another program), answers no answer, and bounds each of its
// tables, in all and by source. It keeps a peer in about 400 bytes.
//
// Whom it trusts: the server trusts nobody. A peer trusts the server with
// being there, and with nothing else: a public key that it hands out is
// checked against the GUID that was asked for.
package rendezvous
