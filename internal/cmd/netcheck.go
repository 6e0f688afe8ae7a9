package cmd

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/urfave/cli/v2"

	"p2ptool/internal/config"
	"p2ptool/internal/terminal"
	"p2ptool/p2p"
)

func (p *program) netcheckCommand() *cli.Command {
	return &cli.Command{
		Name:  "netcheck",
		Usage: "examine this network: NAT, IPv6, port mapping, and which paths to expect",
		Description: about("p2ptool netcheck\n"+
			"p2ptool netcheck --server rendezvous.example.org     # without a config", ""),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "server", Usage: "ask the rendezvous server at `HOST[:PORT]`; the default port is 3478"},
		},
		Action: p.netcheck,
	}
}

// netcheck needs no key: servers answer its requests without a session.
func (p *program) netcheck(c *cli.Context) error {
	if err := arguments(c, 0, 0); err != nil {
		return err
	}
	cfg, err := p.config(c)
	if err != nil {
		return err
	}
	server := cfg.Peer.Server
	if c.IsSet("server") {
		if server, err = config.ParseServer(c.String("server")); err != nil {
			return usage("--server: %w", err)
		}
	}
	if server == "" {
		return noServer()
	}
	r, err := p2p.Netcheck(c.Context, p2p.NetcheckOptions{Servers: []string{string(server)}, STUN: texts(cfg.Peer.STUN), NoPortMapping: !cfg.Peer.PortMapping})
	if err != nil {
		return err
	}
	p.report(r)
	if !r.UDP() {
		return hint(as(errTimeout, fmt.Errorf("server %q does not answer", server)),
			"check that `p2ptool serve` runs there, and that UDP gets through")
	}
	return nil
}

// report prints the result of netcheck.
func (p *program) report(r p2p.NetReport) {
	line := func(what, format string, args ...any) {
		p.out.payload("%-10s %s", what, fmt.Sprintf(format, args...))
	}
	for _, s := range r.Servers {
		line("server", "%s", serverLine(s))
	}
	line("ipv4", "%s", seenLine(r.IPv4, r.Translated))
	line("ipv6", "%s", seenLine(r.IPv6, false))
	if r.IPv4.IsValid() {
		line("mapping", "%s", mappingLine(r.NAT))
		line("filtering", "%s", filteringLine(r.NAT))
	}
	if r.Translated {
		line("hairpin", "%s", map[bool]string{true: "yes", false: "no"}[r.Hairpin])
	}
	if r.Router.IsValid() {
		line("portmap", "%s", routerLine(r))
	}
	line("expect", "%s", r.Expect())
	p.out.event(netcheckOf(r))
}

func serverLine(s p2p.NetServer) string {
	switch {
	case s.Err != nil:
		return fmt.Sprintf("%s: %s", s.Name, terminal.Visible(s.Err.Error()))
	case s.RTT == 0:
		return fmt.Sprintf("%s at %s: no answer", s.Name, s.Addr)
	case s.STUN:
		return fmt.Sprintf("%s at %s: %s", s.Name, s.Addr, terminal.Duration(s.RTT))
	case s.Second == 0:
		return fmt.Sprintf("%s at %s: %s; its second port, %d, does not answer",
			s.Name, s.Addr, terminal.Duration(s.RTT), s.Addr.Port()+1)
	}
	return fmt.Sprintf("%s at %s: %s, second port %s", s.Name, s.Addr, terminal.Duration(s.RTT), terminal.Duration(s.Second))
}

func seenLine(a netip.AddrPort, translated bool) string {
	switch {
	case !a.IsValid():
		return "no"
	case translated:
		return fmt.Sprintf("seen as %s, behind a NAT", a)
	}
	return fmt.Sprintf("seen as %s, without a NAT", a)
}

func routerLine(r p2p.NetReport) string {
	if by := r.MapsBy(); len(by) > 0 {
		return fmt.Sprintf("%s, at router %s", strings.Join(by, ", "), r.Router)
	}
	return fmt.Sprintf("router %s answers neither PCP nor NAT-PMP nor UPnP", r.Router)
}

func filteringLine(n p2p.NAT) string {
	if n.Bare {
		return fmt.Sprintf("%s, by a bare masquerade: a packet that arrives too early changes its mapping", n.Filtering)
	}
	return n.Filtering.String()
}

func mappingLine(n p2p.NAT) string {
	if n.Stride != 0 {
		return fmt.Sprintf("%s, ports in steps of %d", n.Mapping, n.Stride)
	}
	return n.Mapping.String()
}

type (
	netcheckEvent struct {
		Servers   []netcheckServer `json:"servers"`
		UDP       bool             `json:"udp"`
		IPv4      string           `json:"ipv4,omitempty"`
		IPv6      string           `json:"ipv6,omitempty"`
		NAT       bool             `json:"nat"`
		Mapping   string           `json:"mapping"`
		Filtering string           `json:"filtering"`
		Stride    int16            `json:"stride,omitempty"`
		Hairpin   bool             `json:"hairpin"`
		Router    string           `json:"router,omitempty"`
		MapsBy    []string         `json:"maps_by,omitempty"`
		Expect    string           `json:"expect"`
	}
	netcheckServer struct {
		Name   string  `json:"name"`
		Addr   string  `json:"addr,omitempty"`
		RTT    float64 `json:"rtt_ms,omitempty"` // absent: no answer
		Second float64 `json:"second_rtt_ms,omitempty"`
		Reason string  `json:"reason,omitempty"` // why there is no address
	}
)

func (netcheckEvent) event() string { return "netcheck" }

func netcheckOf(r p2p.NetReport) netcheckEvent {
	e := netcheckEvent{
		Servers: []netcheckServer{}, UDP: r.UDP(), IPv4: written(r.IPv4), IPv6: written(r.IPv6), NAT: r.Translated,
		Mapping: r.NAT.Mapping.String(), Filtering: r.NAT.Filtering.String(), Stride: r.NAT.Stride,
		Hairpin: r.Hairpin, MapsBy: r.MapsBy(), Expect: r.Expect(),
	}
	if r.Router.IsValid() {
		e.Router = r.Router.String()
	}
	for _, s := range r.Servers {
		n := netcheckServer{Name: s.Name, Addr: written(s.Addr), RTT: milliseconds(s.RTT), Second: milliseconds(s.Second)}
		if s.Err != nil {
			n.Reason = s.Err.Error()
		}
		e.Servers = append(e.Servers, n)
	}
	return e
}

// written returns an address as text, or "" for an invalid one.
func written(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
