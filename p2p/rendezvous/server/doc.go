// Package server is the rendezvous server: peers register with it, look each other up, are introduced to each
// other, and send through its relay while they have no direct path.
//
//	s, err := server.Listen(server.Config{Key: key, Network: udp.System{}, Listen: ":3478"})
//	defer s.Close()
//
// The goroutines that read the sockets deal with packets of sessions and of relay channels, and nothing else:
// what comes from senders that have proven nothing waits in bounded queues for a goroutine of its own. A session
// is a record of about 400 bytes, without a goroutine.
//
// Limits: nothing is kept for an address before it has returned a cookie, no answer is longer than its request (but
// to a STUN request of another program), no answer is answered, and each table is bounded in all and by source.
// docs/limits.md lists the numbers.
//
// Whom it trusts: nobody. A peer is who holds its key, and is where it has proven to receive.
package server
