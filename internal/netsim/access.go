package netsim

// access is a host's or a NAT's link to the realm around it. Its methods may
// be called at any time. What is on its way stays, and leaves a queue at the new rate.
type access struct {
	net      *Net
	up, down pipe
	count    Count
}

// A Count is a number of datagrams and of their bytes.
type Count struct{ Datagrams, Bytes int64 }

func (c *Count) add(p packet) {
	c.Datagrams += int64(p.datagrams())
	c.Bytes += int64(len(p.data))
}

// init makes the links: up leads to the realm, down to arrive.
func (a *access) init(n *Net, arrive func(packet)) {
	a.net = n
	a.up = pipe{net: n, rng: n.newRand(), out: func(p packet) { p.realm.forward(p) }}
	a.down = pipe{net: n, rng: n.newRand(), out: func(p packet) {
		a.count.add(p)
		arrive(p)
	}}
}

func (a *access) downlink() *pipe { return &a.down }

// set changes both directions.
func (a *access) set(change func(*pipe)) {
	a.net.mu.Lock()
	defer a.net.mu.Unlock()
	change(&a.up)
	change(&a.down)
}

// Link sets what the link does, in either direction for itself: a round trip
// takes twice its delay.
func (a *access) Link(l Link) { a.set(func(p *pipe) { p.relink(l) }) }

// LinkUp sets what the link does to what is sent.
func (a *access) LinkUp(l Link) {
	a.net.mu.Lock()
	defer a.net.mu.Unlock()
	a.up.relink(l)
}

// LinkDown sets what the link does to what is received.
func (a *access) LinkDown(l Link) {
	a.net.mu.Lock()
	defer a.net.mu.Unlock()
	a.down.relink(l)
}

// SetLoss changes the loss of both directions alone.
func (a *access) SetLoss(loss float64) { a.set(func(p *pipe) { p.link.Loss = loss }) }

// Cut lets nothing pass until Heal, like a pulled plug or a firewall that
// blocks UDP: whoever writes is not told.
func (a *access) Cut() { a.set(func(p *pipe) { p.shut = true }) }

// Heal ends a Cut.
func (a *access) Heal() { a.set(func(p *pipe) { p.shut = false }) }

// BlockUDP is Cut under the name of its other use.
func (a *access) BlockUDP() { a.Cut() }

// Received tells what came down the link, whether or not anyone listened.
func (a *access) Received() Count {
	a.net.mu.Lock()
	defer a.net.mu.Unlock()
	return a.count
}
