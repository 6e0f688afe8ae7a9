package cmd

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"

	"github.com/urfave/cli/v2"

	"p2ptool/internal/config"
	"p2ptool/p2p"
	"p2ptool/p2p/udp"
)

func (p *program) serveCommand() *cli.Command {
	return &cli.Command{
		Name:  "serve",
		Usage: "run the rendezvous server",
		Description: about("p2ptool serve                       # UDP ports 3478 and 3479, TCP port 3478\n"+
			"p2ptool serve --listen :4000        # UDP ports 4000 and 4001, TCP port 4000",
			"It needs no config. Without one, it creates its key on the first start and keeps it."),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "listen", Usage: "bind to `HOST:PORT` and to the next port up (default :3478)"},
		},
		Action: p.serve,
	}
}

func (p *program) serve(c *cli.Context) error {
	if err := arguments(c, 0, 0); err != nil {
		return err
	}
	cfg, err := p.config(c)
	if err != nil {
		return err
	}
	if c.IsSet("listen") {
		if cfg.Server.Listen, err = config.ParseAddress(c.String("listen")); err != nil {
			return usage("--listen: %w", err)
		}
	}
	return p.runServer(c.Context, cfg)
}

// runServer serves until it is interrupted.
func (p *program) runServer(ctx context.Context, cfg *config.Config) error {
	p.service.Store(true)
	if !cfg.HasKey() {
		dir, err := p.state()
		if err != nil {
			return err
		}
		if cfg.SecretKey.SecretKey, err = dir.serverKey(); err != nil {
			return err
		}
	}
	tls, err := p.serverTLS(cfg)
	if err != nil {
		return err
	}
	server, err := p2p.NewServer(p2p.ServerOptions{
		Key:    cfg.SecretKey.SecretKey,
		Listen: string(cfg.Server.Listen),
		TLS:    tls,
		Relay: p2p.RelayOptions{
			Disabled:  !cfg.Server.Relay.Enabled,
			LinkRate:  int64(cfg.Server.Relay.LinkRate),
			TotalRate: int64(cfg.Server.Relay.TotalRate),
		},
		Network: p.env.Machine.Network,
		OnVersion: func(addr netip.AddrPort, err *p2p.VersionError) {
			p.out.note("a peer at %s %s", addr, err)
			p.out.event(incompatibleEvent{Addr: addr.String(), Theirs: err.Theirs, Ours: err.Ours})
		},
	})
	if err != nil {
		return hint(err, "use --listen HOST:PORT to bind to another address")
	}
	p.out.payload("listening on %s", server.Addr())
	p.out.payload("server key %s", server.Key())
	tlsAddr := ""
	if a := server.TLSAddr(); a != nil {
		tlsAddr = a.String()
		p.out.payload("listening on %s, TLS over TCP", tlsAddr)
	}
	p.out.event(listeningEvent{server.Addr().String(), server.Key().String(), tlsAddr})
	p.out.note("to set up a peer: %s", p.peerSetup(server.Addr(), cfg.Server.TLS.Domain))
	<-ctx.Done()
	p.out.note("stopped serving")
	return errors.Join(context.Cause(ctx), server.Close())
}

// peerSetup returns the command that sets up a peer for the server: with its domain, else the address that it
// listens on, else a public address of this machine. If there is none, the user has to fill it in.
func (p *program) peerSetup(listen netip.AddrPort, domain string) string {
	host, remark := domain, ""
	if addr := listen.Addr(); host == "" && !addr.IsUnspecified() {
		host = addr.Unmap().String()
	}
	if host == "" {
		host = p.publicAddr()
	}
	if host == "" {
		host, remark = "HOST", ", where HOST is the public name or address of this machine"
	}
	if port := strconv.Itoa(int(listen.Port())); port != config.DefaultPort {
		host = net.JoinHostPort(host, port)
	}
	return "p2ptool init --server " + host + remark
}

// publicAddr returns a public address of this machine, IPv4 if it has one, or "".
func (p *program) publicAddr() (public string) {
	network := p.env.Machine.Network
	if network == nil {
		network = udp.System{}
	}
	addrs, _ := network.Addrs()
	for _, a := range addrs {
		a = a.Unmap()
		if !a.IsGlobalUnicast() || a.IsPrivate() || shared.Contains(a) {
			continue
		}
		if a.Is4() {
			return a.String()
		}
		if public == "" {
			public = a.WithZone("").String()
		}
	}
	return public
}

// shared are the addresses between a carrier's NAT and its customers, see RFC 6598.
var shared = netip.MustParsePrefix("100.64.0.0/10")

// serverTLS returns how to accept peers over TLS.
func (p *program) serverTLS(cfg *config.Config) (o p2p.TLSOptions, err error) {
	t := cfg.Server.TLS
	o = p2p.TLSOptions{Disabled: !t.Enabled, Listen: string(t.Listen), ListenTCP: p.env.Machine.ListenTCP, Certificates: p2p.Certificates{
		CertFile: cfg.Path(t.Cert), KeyFile: cfg.Path(t.Key), Domain: t.Domain,
		OnError: func(err error) { p.out.note("%v", err) },
	}}
	if t.Domain != "" {
		dir, err := p.state()
		if err != nil {
			return o, err
		}
		o.Certificates.CacheDir = dir.path("certificates")
	}
	return o, nil
}
