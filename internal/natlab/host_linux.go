package natlab

import (
	"bytes"
	"net/netip"
	"os/exec"
	"slices"

	"p2ptool/p2p/udp"
)

// A node is a namespace with a network device.
type node struct {
	lab    *Lab
	ns     *namespace
	seg    *segment // that the device is on
	port   *port
	device string
	addrs  []netip.Addr
}

// A Host is a namespace in which a test runs programs and opens sockets.
type Host struct{ node }

// Do calls f on a thread in the namespace and waits for it. Sockets that f opens belong to
// the host, whichever goroutine uses them later. Goroutines that f starts do not run in the
// namespace.
func (n *node) Do(f func()) {
	n.lab.t.Helper()
	n.lab.must(n.ns.do(func() error { f(); return nil }))
}

// Network returns a udp.Network that opens sockets in the host's namespace.
func (n *node) Network() udp.Network { return network{n.ns} }

// network is udp.System in a namespace.
type network struct{ ns *namespace }

func (w network) Listen(family string, addr netip.AddrPort) (c udp.Conn, err error) {
	err = w.ns.do(func() (err error) {
		c, err = udp.System{}.Listen(family, addr)
		return err
	})
	return c, err
}

func (w network) Addrs() (addrs []netip.Addr, err error) {
	err = w.ns.do(func() (err error) {
		addrs, err = udp.System{}.Addrs()
		return err
	})
	return addrs, err
}

func (w network) Source(to netip.Addr) (own netip.Addr, ok bool) {
	_ = w.ns.do(func() error {
		own, ok = udp.System{}.Source(to)
		return nil
	})
	return own, ok
}

// A Cmd is a program that runs in a host's namespace, with the methods of exec.Cmd. It is
// killed when the test ends.
type Cmd struct {
	*exec.Cmd
	node *node
}

// Command returns a program to run on the host. See exec.Command.
func (n *node) Command(name string, args ...string) *Cmd {
	return &Cmd{exec.Command(name, args...), n}
}

// Start starts the program. See exec.Cmd.Start.
func (c *Cmd) Start() error {
	// A child process inherits the namespace of the thread that forks it.
	if err := c.node.ns.do(c.Cmd.Start); err != nil {
		return err
	}
	c.node.lab.t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait() // fails if it was already waited for
	})
	return nil
}

// Run starts the program and waits for it. See exec.Cmd.Run.
func (c *Cmd) Run() error {
	if err := c.Start(); err != nil {
		return err
	}
	return c.Wait()
}

// Output runs the program and returns its standard output.
func (c *Cmd) Output() ([]byte, error) {
	var out bytes.Buffer
	c.Stdout = &out
	err := c.Run()
	return out.Bytes(), err
}

// CombinedOutput runs the program and returns all its output.
func (c *Cmd) CombinedOutput() ([]byte, error) {
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	return out.Bytes(), err
}

// Link sets the properties of the link in both directions.
func (n *node) Link(l Link) { n.set(func(p *path) { p.link = l }) }

// LinkUp sets the properties of the sending direction.
func (n *node) LinkUp(l Link) {
	n.seg.mu.Lock()
	defer n.seg.mu.Unlock()
	n.port.up.link = l
}

// LinkDown sets the properties of the receiving direction.
func (n *node) LinkDown(l Link) {
	n.seg.mu.Lock()
	defer n.seg.mu.Unlock()
	n.port.down.link = l
}

// SetLoss changes only the link's loss.
func (n *node) SetLoss(loss float64) { n.set(func(p *path) { p.link.Loss = loss }) }

// Cut silently drops all packets until Heal.
func (n *node) Cut() { n.set(func(p *path) { p.shut = true }) }

// Heal ends a Cut.
func (n *node) Heal() { n.set(func(p *path) { p.shut = false }) }

// A Place is a Host or a Router.
type Place interface{ itself() *node }

func (n *node) itself() *node { return n }

// Part silently drops all packets between this place and another one on the same segment
// until Join. Each still reaches all others.
func (n *node) Part(from Place) { n.seg.part(n.port, from.itself().port, true) }

// Join ends a Part.
func (n *node) Join(to Place) { n.seg.part(n.port, to.itself().port, false) }

// Lost returns how many packets the link dropped, in both directions together.
func (n *node) Lost() int {
	n.seg.mu.Lock()
	defer n.seg.mu.Unlock()
	return n.port.up.lost + n.port.down.lost
}

func (n *node) set(change func(*path)) {
	n.seg.mu.Lock()
	defer n.seg.mu.Unlock()
	change(&n.port.up)
	change(&n.port.down)
}

// addAddr gives the node an address and a default route.
func (n *node) addAddr(addr netip.Addr) {
	n.lab.t.Helper()
	n.lab.must(n.ns.do(func() error {
		if err := addAddr(n.device, addr); err != nil {
			return err
		}
		return addRoute(n.device, everything(addr.Is6()))
	}))
	n.lab.must(n.seg.claim(addr, n.port))
	if n.seg.route != nil {
		n.lab.must(n.seg.route(addr))
	}
	n.addrs = append(n.addrs, addr)
}

// Readdress replaces the node's IPv4 addresses by another one, as a new DHCP lease does. A
// router loses its mappings by this.
func (n *node) Readdress(addr string) {
	n.lab.t.Helper()
	old := slices.Clone(n.addrs)
	n.addAddr(netip.MustParseAddr(addr))
	for _, a := range old {
		if a.Is4() {
			n.dropAddr(a)
		}
	}
	// The kernel removes routes together with the address.
	n.lab.must(n.ns.do(func() error { return addRoute(n.device, everything(false)) }))
}

func (n *node) dropAddr(addr netip.Addr) {
	n.lab.t.Helper()
	n.lab.must(n.ns.do(func() error { return delAddr(n.device, addr) }))
	n.seg.disclaim(addr)
	n.addrs = slices.DeleteFunc(n.addrs, func(a netip.Addr) bool { return a == addr })
}
