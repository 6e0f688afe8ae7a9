package server

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"p2ptool/p2p/identity"
	"p2ptool/p2p/noise"
	"p2ptool/p2p/rendezvous"
	"p2ptool/p2p/rendezvous/client"
	"p2ptool/p2p/stun"
	"p2ptool/p2p/udp"
)

// floods are what strangers can send without proving anything.
var floods = map[string]func() []byte{
	"none": nil,
	"hello": func() []byte {
		h := rendezvous.Hello{Version: rendezvous.ServerVersion, Purpose: rendezvous.PurposeServer}
		rand.Read(h.Nonce[:])
		return h.Append(nil)
	},
	"stun": func() []byte {
		var r stun.Request
		rand.Read(r.ID[:])
		return r.Append(nil)
	},
	"data": func() []byte {
		d := make([]byte, noise.Overhead+40)
		rand.Read(d)
		d[0] = rendezvous.TypeData
		return d
	},
	"init": func() []byte {
		m := rendezvous.Initiation{Version: rendezvous.ServerVersion, Purpose: rendezvous.PurposeServer, Noise: make([]byte, noise.Message1Overhead+(rendezvous.SureDatagram-rendezvous.InitHeader-noise.Message1Overhead))}
		rand.Read(m.Cookie[:])
		return m.Append(nil)
	},
}

const floodEnv = "P2PTOOL_TEST_FLOOD" // kind, address, datagrams a second, sources

func TestMain(m *testing.M) {
	if args := strings.Fields(os.Getenv(floodEnv)); len(args) == 4 {
		if err := flood(args[0], args[1], args[2], args[3]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// flood sends datagrams until stdin ends, a thousand bursts a second, and prints how many a second.
func flood(kind, to, perSecond, sources string) error {
	rate, _ := strconv.Atoi(perSecond)
	n, _ := strconv.Atoi(sources)
	addr := netip.MustParseAddrPort(to)
	var conns []udp.Conn
	for i := range n {
		from := netip.AddrFrom4([4]byte{127, 9, byte(i / 250), byte(1 + i%250)})
		c, err := udp.System{}.Listen("udp4", netip.AddrPortFrom(from, 0))
		if err != nil {
			return err
		}
		conns = append(conns, c)
	}
	var ds [][]byte
	for range 4096 {
		ds = append(ds, floods[kind]())
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		bufio.NewReader(os.Stdin).ReadByte()
	}()
	start, sent := time.Now(), 0
	for tick := time.NewTicker(time.Millisecond); ; <-tick.C {
		for due := int(time.Since(start).Seconds() * float64(rate)); sent < due; sent++ {
			d := ds[sent%len(ds)]
			conns[sent%n].Write(udp.Batch{Addr: addr, Data: d, Size: len(d)})
		}
		select {
		case <-ended:
			fmt.Println(int(float64(sent) / time.Since(start).Seconds()))
			return nil
		default:
		}
	}
}

// BenchmarkFlood measures calls of honest peers, each a LOOKUP and an INTRODUCE with its answer, beside
// 70,000 datagrams a second of strangers, which another process sends by loopback.
func BenchmarkFlood(b *testing.B) {
	for _, sources := range []int{1, 500} {
		for _, kind := range []string{"none", "hello", "stun", "data", "init"} {
			b.Run(fmt.Sprintf("%s/sources=%d", kind, sources), func(b *testing.B) {
				for b.Loop() {
					benchmarkFlood(b, kind, 70_000, sources)
				}
			})
		}
	}
}

func benchmarkFlood(b *testing.B, kind string, rate, sources int) {
	s, err := Listen(Config{Key: newKey(b), Network: udp.System{}, Listen: "127.0.0.1:0"})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	var peers []*floodPeer
	for range 8 {
		p := newFloodPeer(b, s.Addr())
		defer p.close()
		peers = append(peers, p)
	}
	stop := startFlood(b, kind, s.Addr(), rate, sources)
	time.Sleep(300 * time.Millisecond)
	var mu sync.Mutex
	var took []time.Duration
	var wg sync.WaitGroup
	failed := 0
	for i, p := range peers {
		callee := peers[(i+1)%len(peers)]
		wg.Go(func() {
			for range 60 {
				start := time.Now()
				err := p.callOnce(callee)
				d := time.Since(start)
				mu.Lock()
				if took = append(took, d); err != nil {
					failed++
				}
				mu.Unlock()
				time.Sleep(max(40*time.Millisecond-d, 0))
			}
		})
	}
	wg.Wait()
	sent := stop()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "p95-ms")
	b.ReportMetric(float64(failed), "failed")
	b.ReportMetric(float64(sent), "sent/s")
	b.ReportMetric(0, "ns/op")
}

func startFlood(b *testing.B, kind string, to netip.AddrPort, rate, sources int) (stop func() int) {
	if kind == "none" {
		return func() int { return 0 }
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %d %d", floodEnv, kind, to, rate, sources))
	cmd.Stderr = os.Stderr
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	return func() (sent int) {
		in.Close()
		fmt.Fscan(out, &sent)
		if err := cmd.Wait(); err != nil {
			b.Error(err)
		}
		return sent
	}
}

// A floodPeer is an honest peer on a socket of the system.
type floodPeer struct {
	*client.Client
	guid   identity.GUID
	conn   udp.Conn
	served chan struct{}
}

func newFloodPeer(b *testing.B, server netip.AddrPort) *floodPeer {
	conn, err := udp.System{}.Listen("udp4", netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		b.Fatal(err)
	}
	key := newKey(b)
	p := &floodPeer{guid: key.GUID(), conn: conn, served: make(chan struct{})}
	p.Client = client.New(client.Config{
		Key: key, Server: server.String(), Instance: binary.BigEndian.Uint64([]byte("floodppl")), Listening: true,
		Send:   func(to netip.AddrPort, d []byte) { conn.Write(udp.Batch{Addr: to, Data: d, Size: len(d)}) },
		OnCall: func(c *client.Call) { c.Answer([]byte("yes")) },
	})
	go func() {
		defer close(p.served)
		udp.Serve(conn, func(_ udp.Conn, batch udp.Batch) {
			batch.Datagrams(func(d []byte) { p.HandleDatagram(batch.Addr, d) })
		})
	}()
	if err := p.Registered(b.Context()); err != nil {
		b.Fatal(err)
	}
	return p
}

func (p *floodPeer) callOnce(to *floodPeer) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	f, err := p.Lookup(ctx, to.guid, 0)
	if err != nil {
		return err
	}
	_, err = p.Introduce(ctx, client.Introduction{GUID: to.guid, Instance: f.Instance, Version: rendezvous.LinkVersion, What: rendezvous.WhatNewLink, Data: []byte("hello")})
	return err
}

func (p *floodPeer) close() {
	p.Client.Close()
	p.conn.Close()
	<-p.served
}
