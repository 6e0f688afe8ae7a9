package main

import (
	"context"
	"errors"
	"path/filepath"
	"time"
)

// A tool is a program that can be compared.
type tool struct {
	name  string
	needs []string // programs that must be installed
	play  func(ctx context.Context, t *turn) (outcome, error)
	whole bool // complete files arrive, which can be verified
	own   bool // this is p2ptool: a failure fails the command
}

// tools returns all tools.
func tools(p2ptool, before string) []tool {
	ssh := []string{"sshd", "ssh", "ssh-keygen"}
	own := p2p{p2ptool}
	all := []tool{
		{"p2ptool", nil, own.send, true, true},
		{"p2ptool chat", nil, own.sendInChat, true, true},
		{"iperf3", []string{"iperf3"}, iperf("").play, false, false},
		{"iperf3 cubic", []string{"iperf3"}, iperf("cubic").play, false, false},
		{"iperf3 bbr", []string{"iperf3"}, iperf("bbr").play, false, false},
		{"scp", append(ssh, "scp"), scp, true, false},
		{"rsync", append(ssh, "rsync"), rsync, true, false},
		{"croc", []string{"croc"}, croc, true, false},
		{"wormhole", []string{"wormhole", "twist3"}, wormhole, true, false},
	}
	if before != "" {
		all = append(all, tool{p2ptoolBefore, nil, p2p{before}.send, true, true})
	}
	return all
}

// A turn is one transfer by one tool.
type turn struct {
	cast
	stage *stage
	load  load
	into  string        // the folder in which the load arrives
	limit time.Duration // for the transfer
	beside
}

// An outcome is the result of a turn.
type outcome struct {
	bytes            int64 // received
	took             time.Duration
	cut              bool // ended by the time limit
	sender, receiver usage
	meanwhile
	chat []time.Duration // round trips of chat lines
}

// rate returns bytes a second.
func (o outcome) rate() float64 { return float64(o.bytes) / o.took.Seconds() }

// patience is the least time that a program has to get ready.
const patience = 30 * time.Second

// transfer starts the program that begins the transfer, and waits until it and the others have
// ended, or the time is over.
func (t *turn) transfer(ctx context.Context, start func() (*program, error), others ...*program) (outcome, error) {
	o := outcome{bytes: t.load.bytes}
	within, cancel := context.WithTimeoutCause(ctx, t.limit, errLimit)
	defer cancel()
	stop := t.beside.begin()
	begin := time.Now()
	last, err := start()
	if err == nil {
		err = last.wait(within)
	}
	for _, p := range others {
		if err == nil {
			err = p.wait(within)
		}
	}
	o.took = time.Since(begin)
	o.meanwhile = stop()
	if errors.Is(err, errLimit) {
		o.cut, o.bytes, err = true, min(occupied(t.into), t.load.bytes), nil
	}
	return o, err
}

// home returns a path in the folder of the turn.
func (t *turn) home(name string) string { return filepath.Join(t.dir, name) }

// ready limits how long a program takes to get ready: at least as long as the transfer may take.
func (t *turn) ready(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, max(patience, t.limit))
}
