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
		Usage:     "take the role in the config: stay online, take chats and files by its rules",
		ArgsUsage: "[WHO]",
		Flags: append(onlineFlags(),
			&cli.StringFlag{Name: "require", Usage: "be content with `PATH` only: direct, relay or any", Value: "any"},
			&cli.StringFlag{Name: "dir", Usage: "put files into `FOLDER`"},
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "take files without asking"},
			&cli.StringFlag{Name: "script", Usage: "talk with WHO by the steps in `FILE`", TakesFile: true}),
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
			return hint(usage("--listen here is for a peer, and %s is of a server", cfg.File()), "`p2ptool serve --listen %s` says where a server listens", listen)
		}
		return p.runServer(c.Context, cfg)
	}
	co, err := p.presence(c)
	if err != nil {
		return err
	}
	p.service.Store(true)
	ctx, cancel := context.WithCancelCause(c.Context)
	defer cancel(nil)
	return co.stayOnline(ctx, cancel)
}

// presence reads the command line of run: a conversation with everybody, and with the
// target, if there is one, from the start.
func (p *program) presence(c *cli.Context) (*conversation, error) {
	cfg, err := p.online(c)
	if err != nil {
		return nil, err
	}
	co := &conversation{p: p, cfg: cfg, inbox: p.inbox(cfg), wait: forever}
	co.inbox.yesFlag = "use --yes, or "
	co.inbox.rules.yes, co.inbox.rules.into = c.Bool("yes"), c.String("dir")
	co.inbox.received = co.arrivals.add
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
		err = hint(usage("a script needs somebody to talk with"), "give WHO, or set connect under [peer] in the config")
	}
	return co, err
}

// stayOnline is there until it is interrupted or its script quits.
func (co *conversation) stayOnline(ctx context.Context, cancel context.CancelCauseFunc) error {
	co.role.handlers = co.handlers(ctx)
	n, err := co.p.start(co.cfg, co.role)
	if err != nil {
		return err
	}
	co.n = n
	err = n.ready(ctx)
	if errors.Is(err, p2p.ErrNoServer) && ctx.Err() == nil {
		co.p.out.note("%s; trying again", terminal.Visible(err.Error()))
		err = nil
	}
	if err == nil {
		err = co.live(ctx, cancel)
	}
	co.talks.close()
	cancel(nil)
	co.errands.Wait()
	return co.keeps(errors.Join(err, n.Close()))
}

// live keeps the link to the target, and takes the steps of the script.
func (co *conversation) live(ctx context.Context, cancel context.CancelCauseFunc) error {
	switch {
	case len(co.steps) > 0:
		co.talk = co.talks.talk(co.target.GUID)
		co.errands.Go(func() {
			if err := co.keep(ctx); err != nil {
				cancel(err)
			}
		})
		quit, err := script.Run(ctx, co.steps, &scriptEnv{co}, script.Options{Commands: co.commands})
		if quit || err != nil && ctx.Err() == nil {
			return err
		}
	case !co.target.GUID.IsZero():
		co.errands.Go(func() { co.n.stayLinked(ctx, co.target) })
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

// stayLinked connects to the target, and again whenever the link ends, until
// the context does.
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
