// Package client keeps a peer registered with its rendezvous server, looks up other peers there and
// introduces this one to them.
//
//	c := client.New(client.Config{Key: key, Server: "rendezvous.example.org:3478", Instance: rand.Uint64() | 1, Send: send})
//	defer c.Close()
//	found, err := c.Lookup(ctx, guid, 0)
//	answer, err := c.Introduce(ctx, client.Introduction{GUID: guid, Instance: found.Instance, Data: sealed})
//
// The sockets are the caller's: it passes datagrams to HandleDatagram, and the client sends by Config.Send. One
// goroutine registers, sends keepalives, moves between UDP and streams (TLS over TCP) as the network allows, and
// registers again when the session is lost.
//
// Whom it trusts: the server is trusted with being there, and with nothing else. A public key that it hands out is
// checked against the GUID that was asked for, and what two peers tell each other is sealed between them.
package client
