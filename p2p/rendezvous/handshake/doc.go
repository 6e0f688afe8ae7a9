// Package handshake makes sessions: between a peer and its server, and between two peers of which one
// knows the other's address. A Dial is the initiator, a Responder the other side.
//
//	initiator                                responder
//	    HELLO  ------------------------------->  keeps nothing
//	        <---------------------------  COOKIE  keeps nothing
//	    INIT, with the cookie  --------------->  checks it, then Noise message 1
//	        <-------------------------  RESPONSE  a pending session
//	    DATA  -------------------------------->  the session is confirmed
//
// A responder keeps nothing for an address, and does no public-key operation, before that address has returned a
// cookie. No answer is longer than its request, and both INIT and RESPONSE have 548 bytes: a session is made only
// where datagrams of that length get through both ways. Both sides must have the same version. If they do
// not, the COOKIE carries the responder's version to the initiator.
//
// Whom it trusts: nobody. An INIT may be replayed, so nothing may follow from it until a packet of its session was
// opened. The address and the version of a HELLO are not authenticated.
package handshake
