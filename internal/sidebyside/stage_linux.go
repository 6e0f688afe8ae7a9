package main

import (
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"time"

	"p2ptool/internal/natlab"
)

// A machine is a place where programs run.
type machine interface {
	start(*exec.Cmd) error
	// do calls f on a thread whose new sockets belong to the machine.
	do(f func())
	addr() string
}

// A stage is the machines of a scenario and the path between them.
type stage struct {
	sender, receiver, server, neighbour machine
	emulated                            bool
	close                               func()
}

// here is this machine, reached over loopback.
type here struct{}

func (here) start(cmd *exec.Cmd) error { return cmd.Start() }
func (here) do(f func())               { f() }
func (here) addr() string              { return "127.0.0.1" }

func loopback() *stage { return &stage{here{}, here{}, here{}, here{}, false, func() {}} }

// inside is a machine in a lab.
type inside struct {
	*natlab.Host
	address string
}

func (in inside) start(cmd *exec.Cmd) (err error) {
	in.Do(func() { err = cmd.Start() })
	return err
}

func (in inside) do(f func())  { in.Do(f) }
func (in inside) addr() string { return in.address }

// A way describes the path between sender and receiver, in both directions. The bottleneck
// with its queue is at the receiver; packets are lost before it, at the sender.
type way struct {
	rate    float64       // bits a second
	rtt     time.Duration // without a queue
	loss    float64
	queue   time.Duration // 0: as long as the round trip
	policer bool
}

// emulate builds a path between two namespaces.
func emulate(w way) (s *stage, err error) {
	scene := &scene{}
	defer func() {
		if caught := recover(); caught != nil {
			e, ours := caught.(impossible)
			if !ours {
				panic(caught)
			}
			scene.close()
			s, err = nil, e
		}
	}()
	lab := natlab.New(scene)
	host := func(addr string, l natlab.Link) machine {
		h := lab.Host(addr)
		h.Link(l)
		return inside{h, addr}
	}
	queue := w.queue
	if queue == 0 {
		queue = w.rtt
	}
	bottleneck := natlab.Link{Rate: int(w.rate / 8), Delay: w.rtt / 2, QueueTime: queue, Policer: w.policer}
	return &stage{
		sender:    host("203.0.113.1", natlab.Link{Loss: w.loss}),
		receiver:  host("203.0.113.2", bottleneck),
		server:    host("203.0.113.3", natlab.Link{Delay: time.Millisecond}),
		neighbour: host("203.0.113.4", natlab.Link{}),
		emulated:  true,
		close:     scene.close,
	}, nil
}

// A scene implements natlab.T outside a test.
type scene struct{ ends []func() }

// impossible is the value of a panic: the reason why there is no lab.
type impossible struct{ error }

func (s *scene) Helper()          {}
func (s *scene) Cleanup(f func()) { s.ends = append(s.ends, f) }
func (s *scene) Fatal(why ...any) { panic(impossible{fmt.Errorf("%s", fmt.Sprint(why...))}) }
func (s *scene) Skip(why ...any)  { s.Fatal(why...) }
func (s *scene) close() {
	for i := len(s.ends) - 1; i >= 0; i-- {
		s.ends[i]()
	}
}

// freePorts finds count consecutive ports that are free for TCP and UDP on a machine, and
// returns the first.
func freePorts(on machine, count int) (first int, err error) {
	for range 100 {
		on.do(func() { first, err = tryPorts(on.addr(), count) })
		if err == nil {
			return first, nil
		}
	}
	return 0, fmt.Errorf("no %d consecutive ports are free: %w", count, err)
}

func tryPorts(host string, count int) (first int, err error) {
	for i := range count {
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(first)))
		if err != nil {
			return 0, err
		}
		defer l.Close()
		if i == 0 {
			first = l.Addr().(*net.TCPAddr).Port
		}
		first++
	}
	return first - count, nil
}

// awaitPort waits until the program listens.
func awaitPort(p *program, from machine, addr string) error {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for deadline := time.After(20 * time.Second); ; {
		var err error
		from.do(func() {
			var c net.Conn
			if c, err = net.Dial("tcp", addr); err == nil {
				c.Close()
			}
		})
		if err == nil {
			return nil
		}
		select {
		case <-again.C:
		case <-p.done:
			return p.failure(fmt.Errorf("ended"))
		case <-deadline:
			return p.failure(err)
		}
	}
}
