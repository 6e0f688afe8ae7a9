package p2p

// SetVersion sets the version of the link protocol that a peer uses.
func (o *PeerOptions) SetVersion(v byte) { o.version = v }

// SetVersion sets the protocol version that a server uses.
func (o *ServerOptions) SetVersion(v byte) { o.version = v }
