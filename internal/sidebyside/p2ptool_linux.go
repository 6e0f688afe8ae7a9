package main

import (
	"context"
	"regexp"
)

// p2p is a build of p2ptool.
type p2p struct{ binary string }

var (
	listening  = regexp.MustCompile(`"event":"listening".*"addr":"([^"]+)"`)
	registered = regexp.MustCompile(`"event":"registered"`)
	connected  = regexp.MustCompile(`"event":"connected"`)
	guid       = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
)

// send runs `send` and `receive`, which meet at a server.
func (b p2p) send(ctx context.Context, t *turn) (o outcome, err error) {
	receiver, to, err := b.receiver(ctx, t, "receive", "--once")
	if err != nil {
		return o, err
	}
	var sender *program
	o, err = t.transfer(ctx, func() (*program, error) {
		sender, err = t.start(t.stage.sender, home(t, "ann"), b.binary, "send", t.load.path, "--to", to, "--json")
		return sender, err
	}, receiver)
	if err != nil {
		return o, err
	}
	t.leave()
	o.sender, o.receiver = sender.used(), receiver.used()
	return o, nil
}

func home(t *turn, name string) []string {
	return []string{"HOME=" + t.home(name), "XDG_CONFIG_HOME=" + t.home(name), "XDG_STATE_HOME=" + t.home(name)}
}

// receiver starts a server, creates the keys of two users, and starts the one that receives.
func (b p2p) receiver(ctx context.Context, t *turn, command ...string) (p *program, to string, err error) {
	within, cancel := t.ready(ctx)
	defer cancel()
	_, to, err = b.users(within, t)
	if err != nil {
		return nil, "", err
	}
	p, err = t.start(t.stage.receiver, home(t, "bob"), b.binary, append(command, "--yes", "--dir", t.into, "--json")...)
	if err != nil {
		return nil, "", err
	}
	_, err = p.await(within, registered)
	return p, to, err
}

// users starts a server and creates the keys of two users.
func (b p2p) users(ctx context.Context, t *turn) (ann, bob string, err error) {
	server, err := t.start(t.stage.server, home(t, "server"), b.binary, "serve", "--listen", t.stage.server.addr()+":0", "--json")
	if err != nil {
		return "", "", err
	}
	addr, err := server.await(ctx, listening)
	if err != nil {
		return "", "", err
	}
	for name, id := range map[string]*string{"ann": &ann, "bob": &bob} {
		said, err := t.run(ctx, t.stage.sender, home(t, name), b.binary, "init", "--server", addr, "--name", name)
		if err != nil {
			return "", "", err
		}
		*id = guid.FindString(said)
	}
	return ann, bob, nil
}
