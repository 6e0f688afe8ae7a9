package main

import (
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// A flow is a TCP connection that sends all the time.
type flow struct {
	received counter
	listener net.Listener
	from, to net.Conn
	loops    sync.WaitGroup
}

// startFlow starts a flow with a congestion control.
func startFlow(from, to machine, control string) (f *flow, err error) {
	f = &flow{}
	to.do(func() { f.listener, err = net.Listen("tcp", net.JoinHostPort(to.addr(), "0")) })
	if err != nil {
		return nil, err
	}
	defer f.listener.Close()
	d := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error { return setControl(raw, control) }}
	from.do(func() { f.from, err = d.Dial("tcp", f.listener.Addr().String()) })
	if err != nil {
		return nil, err
	}
	if f.to, err = f.listener.Accept(); err != nil {
		f.from.Close()
		return nil, err
	}
	f.loops.Go(func() {
		buf := make([]byte, 64<<10)
		for {
			if _, err := f.from.Write(buf); err != nil {
				return
			}
		}
	})
	f.loops.Go(func() { _, _ = io.Copy(&f.received, struct{ io.Reader }{f.to}) })
	return f, nil
}

func setControl(raw syscall.RawConn, control string) (err error) {
	if e := raw.Control(func(fd uintptr) {
		err = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, control)
	}); e != nil {
		return e
	}
	if err != nil {
		return fmt.Errorf("the kernel has no congestion control %q: %w", control, err)
	}
	return nil
}

func (f *flow) close() {
	f.from.Close()
	f.to.Close()
	f.loops.Wait()
}
