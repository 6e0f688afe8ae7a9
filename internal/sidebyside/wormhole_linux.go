package main

import (
	"context"
	"fmt"
	"net"
	"regexp"
	"strconv"
)

const wormholeCode = "7-side-by"

var wormholeReady = regexp.MustCompile(`wormhole receive`)

// wormhole sends with its own mailbox server and transit relay; the two sides find the path
// between them by themselves.
func wormhole(ctx context.Context, t *turn) (o outcome, err error) {
	within, cancel := t.ready(ctx)
	defer cancel()
	mailbox, err := t.twist("wormhole-mailbox")
	if err != nil {
		return o, err
	}
	transit, err := t.twist("transitrelay")
	if err != nil {
		return o, err
	}
	args := []string{"--relay-url", "ws://" + mailbox + "/v1", "--transit-helper", "tcp:" + transit}
	sender, err := t.start(t.stage.sender, nil, "wormhole", append(args, "send", "--hide-progress", "--code", wormholeCode, t.load.path)...)
	if err != nil {
		return o, err
	}
	if _, err := sender.await(within, wormholeReady); err != nil {
		return o, err
	}
	var receiver *program
	o, err = t.transfer(ctx, func() (*program, error) {
		receiver, err = t.start(t.stage.receiver, nil, "wormhole", append(args, "receive", "--hide-progress", "--accept-file", "-o", t.named(), wormholeCode)...)
		return receiver, err
	}, sender)
	if err != nil {
		return o, err
	}
	t.leave()
	o.sender, o.receiver = sender.used(), receiver.used()
	return o, nil
}

// twist starts a server and returns its address.
func (t *turn) twist(plugin string) (addr string, err error) {
	port, err := freePorts(t.stage.server, 1)
	if err != nil {
		return "", err
	}
	host := t.stage.server.addr()
	endpoint := fmt.Sprintf("tcp:%d:interface=%s", port, host)
	p, err := t.start(t.stage.server, nil, "twist3", plugin, "--port="+endpoint)
	if err != nil {
		return "", err
	}
	addr = net.JoinHostPort(host, strconv.Itoa(port))
	return addr, awaitPort(p, t.stage.server, addr)
}
