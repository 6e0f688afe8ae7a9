package main

import (
	"context"
	"net"
	"regexp"
	"strconv"
)

const (
	crocPorts = 5
	crocCode  = "1234-side-by-side"
)

var crocReady = regexp.MustCompile(`(?i)code is`)

// croc sends through a relay of its own, as it does between networks. Compression is off: the
// files cannot be compressed, and the attempt would take most of the time.
func croc(ctx context.Context, t *turn) (o outcome, err error) {
	within, cancel := t.ready(ctx)
	defer cancel()
	port, err := freePorts(t.stage.server, crocPorts)
	if err != nil {
		return o, err
	}
	host := t.stage.server.addr()
	relay, err := t.start(t.stage.server, nil, "croc", "relay", "--host", host, "--port", strconv.Itoa(port), "--transfers", strconv.Itoa(crocPorts))
	if err != nil {
		return o, err
	}
	addr := net.JoinHostPort(host, strconv.Itoa(port))
	if err := awaitPort(relay, t.stage.server, addr); err != nil {
		return o, err
	}
	env := []string{"CROC_SECRET=" + crocCode}
	args := []string{"--relay", addr, "--yes", "--ignore-stdin", "--disable-clipboard", "--no-compress"}
	sender, err := t.start(t.stage.sender, env, "croc", append(args, "send", "--no-local", t.load.path)...)
	if err != nil {
		return o, err
	}
	if _, err := sender.await(within, crocReady); err != nil {
		return o, err
	}
	var receiver *program
	o, err = t.transfer(ctx, func() (*program, error) {
		receiver, err = t.start(t.stage.receiver, env, "croc", append(args, "--overwrite", "--out", t.into)...)
		return receiver, err
	}, sender)
	if err != nil {
		return o, err
	}
	t.leave()
	o.sender, o.receiver = sender.used(), receiver.used()
	return o, nil
}
