package cmd

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"p2ptool/internal/config"
	"p2ptool/internal/script"
	"p2ptool/internal/terminal"
	"p2ptool/p2p"
)

func (p *program) runCommand() *cli.Command {
	return &cli.Command{
		Name:      "run",
		Usage:     "run as the configured peer or server; a peer stays online for chats and files",
		ArgsUsage: "[WHO]",
		Description: about("p2ptool run                                # stay online, accept files by the rules in the config\n"+
			"p2ptool run bob                            # also stay connected to bob\n"+
			"p2ptool run bob --script steps.toml        # run a script with bob",
			"`p2ptool` without a command does the same. "+whoHelp),
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "dir", Usage: "put received files into `FOLDER`"},
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "accept files without asking"},
			&cli.StringFlag{Name: "script", Usage: "run the steps in `FILE` with WHO", TakesFile: true},
			requireFlag(),
		}, onlineFlags()...),
		Action: p.run,
	}
}

func (p *program) run(c *cli.Context) error {
	if err := arguments(c, 0, 1); err != nil {
		return err
	}
	cfg, err := p.config(c)
	if err != nil {
		return err
	}
	if cfg.Mode == config.ModeServer && c.NArg() == 0 {
		if listen := c.String("listen"); listen != "" {
			return hint(usage("--listen sets a peer's address here, but %s configures a server", cfg.File()), "use `p2ptool serve --listen %s`", listen)
		}
		return p.runServer(c.Context, cfg)
	}
	co, err := p.presence(c)
	if err != nil {
		return err
	}
	p.service.Store(true)
	co.role.persistent = true
	ctx, cancel := context.WithCancelCause(c.Context)
	defer cancel(nil)
	return co.stayOnline(ctx, cancel)
}

// presence reads the command line of run: a conversation with any peer that calls, and with the
// target, if there is one, from the start.
func (p *program) presence(c *cli.Context) (*conversation, error) {
	cfg, err := p.online(c)
	if err != nil {
		return nil, err
	}
	co := &conversation{p: p, cfg: cfg, inbox: p.inbox(cfg), wait: forever}
	co.inbox.yesFlag = "use --yes, or "
	co.inbox.rules.yes, co.inbox.rules.into = c.Bool("yes"), c.String("dir")
	co.inbox.received = co.received
	co.talks = &talks{p: p, name: func(peer p2p.GUID) string { return nameOf(cfg, peer) }}
	if co.role, err = p.role(c); err != nil {
		return nil, err
	}
	who := cfg.Peer.Connect
	if c.NArg() > 0 {
		who = c.Args().First()
	}
	if who != "" {
		if co.target, err = target(cfg, who); err != nil {
			return nil, err
		}
	}
	co.steps, co.commands, err = steps(c.String("script"), cfg)
	if err == nil && len(co.steps) > 0 && who == "" {
		err = hint(usage("a script needs a peer"), "name WHO, or set connect under [peer] in the config")
	}
	return co, err
}

// stayOnline runs the node until it is interrupted or its script quits.
func (co *conversation) stayOnline(ctx context.Context, cancel context.CancelCauseFunc) error {
	co.role.handlers = co.handlers(ctx)
	registered := make(chan struct{}, 1)
	co.role.registered = func() { wake(registered) }
	n, err := co.p.start(co.cfg, co.role)
	if err != nil {
		return err
	}
	co.n = n
	err = n.ready(ctx)
	if serverMayReturn(err) && ctx.Err() == nil {
		co.p.out.note("%s; trying again", terminal.Visible(err.Error()))
		err = nil
		co.tasks.Go(func() {
			select {
			case <-registered:
				n.announce()
			case <-ctx.Done():
			}
		})
	}
	if err == nil {
		err = co.live(ctx, cancel)
	}
	co.talks.close()
	cancel(nil)
	co.tasks.Wait()
	return co.withResumeHint(errors.Join(err, n.Close()))
}

// serverMayReturn reports whether an error of the server may go away: it does not answer, another server
// answers in its place, it is being updated, or this machine is out of files or space.
func serverMayReturn(err error) bool {
	_, unchecked := errors.AsType[*p2p.UncheckedError](err)
	return errors.Is(err, p2p.ErrNoServer) || errors.Is(err, p2p.ErrServerKey) || errors.Is(err, p2p.ErrVersion) ||
		unchecked && !errors.Is(err, errUsage)
}

// live keeps the link to the target and runs the script.
func (co *conversation) live(ctx context.Context, cancel context.CancelCauseFunc) error {
	switch {
	case len(co.steps) > 0:
		co.talk = co.talks.talk(co.target.GUID)
		co.tasks.Go(func() {
			if err := co.keepConnected(ctx); err != nil {
				cancel(err)
			}
		})
		quit, err := script.Run(ctx, co.steps, &scriptEnv{co}, script.Options{Commands: co.commands})
		if quit || err != nil && ctx.Err() == nil {
			return err
		}
	case !co.target.GUID.IsZero():
		co.tasks.Go(func() { co.n.stayLinked(ctx, co.target) })
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

// stayLinked connects to the target, and reconnects whenever the link ends, until the context
// ends.
func (n *node) stayLinked(ctx context.Context, t config.Target) {
	var pause backoff
	for ctx.Err() == nil {
		link, err := n.connect(ctx, t, "")
		if err == nil {
			pause = 0
			select {
			case <-link.Done():
			case <-ctx.Done():
				return
			}
		} else if pause == 0 && ctx.Err() == nil {
			n.p.out.note("%s, trying again", strings.TrimSuffix(terminal.Visible(err.Error()), checkGUID))
			n.p.out.event(waitingEvent{n.p.who(t.GUID)})
		}
		if pause.sleep(ctx, time.Duration(lastPause)) != nil {
			return
		}
	}
}
