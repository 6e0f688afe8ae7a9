package netsim

// An access is a host's or a NAT's link to its realm. Its methods may be called at any time. They do
// not affect packets in flight, except that a queue drains at the new rate.
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

// init initializes the link: up leads to the realm, down to arrive.
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

// Link sets the properties of each direction of the link: a round trip takes twice its delay.
func (a *access) Link(l Link) { a.set(func(p *pipe) { p.relink(l) }) }

// LinkUp sets the properties of the sending direction.
func (a *access) LinkUp(l Link) {
	a.net.mu.Lock()
	defer a.net.mu.Unlock()
	a.up.relink(l)
}

// LinkDown sets the properties of the receiving direction.
func (a *access) LinkDown(l Link) {
	a.net.mu.Lock()
	defer a.net.mu.Unlock()
	a.down.relink(l)
}

// SetLoss changes only the loss, of both directions.
func (a *access) SetLoss(loss float64) { a.set(func(p *pipe) { p.link.Loss = loss }) }

// Cut drops everything until Heal, like a pulled plug or a firewall that blocks UDP. Writes do not
// fail.
func (a *access) Cut() { a.set(func(p *pipe) { p.shut = true }) }

// Heal ends a Cut.
func (a *access) Heal() { a.set(func(p *pipe) { p.shut = false }) }

// BlockUDP is the same as Cut.
func (a *access) BlockUDP() { a.Cut() }

// Received returns the datagrams received over the link, whether or not a socket was open for them.
func (a *access) Received() Count {
	a.net.mu.Lock()
	defer a.net.mu.Unlock()
	return a.count
}
