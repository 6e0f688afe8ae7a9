package cmd

import (
	"context"
	"errors"
	"net/netip"

	"github.com/urfave/cli/v2"

	"p2ptool/internal/config"
	"p2ptool/p2p"
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
	<-ctx.Done()
	p.out.note("stopped serving")
	return errors.Join(context.Cause(ctx), server.Close())
}

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
