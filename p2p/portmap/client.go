package portmap

import (
	"context"
	"crypto/rand"
	"net"
	"net/netip"
	"time"
)

// A client talks to one router in one protocol.
type client interface {
	protocol() Protocol

	// probe checks whether the router supports the protocol. It also returns the external
	// address if the protocol has it.
	probe(ctx context.Context) (netip.Addr, error)

	// request requests the mapping, a new one or a renewal.
	request(ctx context.Context, port uint16) (lease, error)

	// look returns the router's epoch in seconds; known is false if the protocol has none.
	look(ctx context.Context) (seconds uint32, known bool)

	// release removes a mapping that request may have created.
	release(ctx context.Context, port uint16) error
}

// servicePort is where routers listen for PCP and NAT-PMP.
const servicePort = 5351

// A pcpClient is a client for PCP.
type pcpClient struct {
	self  netip.Addr
	dial  func() (net.Conn, error)
	nonce [12]byte
	last  netip.AddrPort // the last assigned address, to suggest again
}

func newPCP(self netip.Addr, dial func() (net.Conn, error)) *pcpClient {
	c := &pcpClient{self: self, dial: dial}
	rand.Read(c.nonce[:])
	return c
}

func (c *pcpClient) protocol() Protocol { return PCP }

func (c *pcpClient) probe(ctx context.Context) (netip.Addr, error) {
	_, err := c.exchange(ctx, pcpMessage{opcode: pcpAnnounce, self: c.self})
	return netip.Addr{}, err
}

func (c *pcpClient) look(ctx context.Context) (uint32, bool) {
	m, err := c.exchange(ctx, pcpMessage{opcode: pcpAnnounce, self: c.self})
	return m.epoch, err == nil
}

func (c *pcpClient) request(ctx context.Context, port uint16) (lease, error) {
	wanted := c.last
	if !wanted.IsValid() {
		wanted = netip.AddrPortFrom(netip.IPv4Unspecified(), port)
	}
	m, err := c.exchange(ctx, c.mapping(port, wanted, wantedLife))
	if err != nil {
		return lease{}, err
	}
	c.last = m.external
	return leaseOf(m.external, m.lifetime)
}

func (c *pcpClient) release(ctx context.Context, port uint16) error {
	_, err := c.exchange(ctx, c.mapping(port, netip.AddrPort{}, 0))
	return err
}

func (c *pcpClient) mapping(port uint16, external netip.AddrPort, life time.Duration) pcpMessage {
	return pcpMessage{
		opcode: pcpMap, lifetime: uint32(life / time.Second), self: c.self,
		nonce: c.nonce, internal: port, external: external,
	}
}

func (c *pcpClient) exchange(ctx context.Context, r pcpMessage) (m pcpMessage, err error) {
	conn, err := c.dial()
	if err != nil {
		return m, err
	}
	err = exchange(ctx, conn, r.appendRequest(nil), func(b []byte) (err error) {
		m, err = parsePCP(b, r)
		return err
	})
	return m, err
}

// A pmpClient is a client for NAT-PMP.
type pmpClient struct {
	dial func() (net.Conn, error)
	last uint16 // the last assigned port, to suggest again
}

func (c *pmpClient) protocol() Protocol { return NATPMP }

func (c *pmpClient) probe(ctx context.Context) (netip.Addr, error) {
	m, err := c.exchange(ctx, pmpMessage{opcode: pmpAddress})
	return m.address, err
}

func (c *pmpClient) look(ctx context.Context) (uint32, bool) {
	m, err := c.exchange(ctx, pmpMessage{opcode: pmpAddress})
	return m.epoch, err == nil
}

func (c *pmpClient) request(ctx context.Context, port uint16) (lease, error) {
	address, err := c.probe(ctx)
	if err != nil {
		return lease{}, err
	}
	wanted := c.last
	if wanted == 0 {
		wanted = port
	}
	m, err := c.exchange(ctx, pmpMessage{
		opcode: pmpMapUDP, internal: port, external: wanted, lifetime: uint32(wantedLife / time.Second),
	})
	if err != nil {
		return lease{}, err
	}
	c.last = m.external
	return leaseOf(netip.AddrPortFrom(address, m.external), m.lifetime)
}

func (c *pmpClient) release(ctx context.Context, port uint16) error {
	_, err := c.exchange(ctx, pmpMessage{opcode: pmpMapUDP, internal: port})
	return err
}

func (c *pmpClient) exchange(ctx context.Context, r pmpMessage) (m pmpMessage, err error) {
	conn, err := c.dial()
	if err != nil {
		return m, err
	}
	err = exchange(ctx, conn, r.appendRequest(nil), func(b []byte) (err error) {
		m, err = parsePMP(b, r)
		return err
	})
	return m, err
}

// leaseOf returns a lease, if the assigned address is usable.
func leaseOf(external netip.AddrPort, seconds uint32) (lease, error) {
	ip := external.Addr()
	if !ip.Is4() || !ip.IsGlobalUnicast() || external.Port() == 0 || seconds == 0 {
		return lease{}, errNothing
	}
	return lease{external, time.Duration(seconds) * time.Second}, nil
}
