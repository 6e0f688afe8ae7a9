package p2p

// SetVersion makes a peer of another version of links.
func (o *PeerOptions) SetVersion(v byte) { o.version = v }

// SetVersion makes a server of another version.
func (o *ServerOptions) SetVersion(v byte) { o.version = v }
