package client

import (
	"testing"
	"testing/synctest"
	"time"

	"p2ptool/internal/netsim"
)

// Whoever waits for the registration has it soon after the server is back, however long that
// was gone.
func TestWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		s := startServer(t, n.Host(serverHost), nil)
		p := startPeer(t, linked(n, "198.51.100.2", 10*ms), nil)
		p.mustRegister(time.Second)
		for gone := time.Minute; gone < 10*time.Minute; gone += 83 * time.Second {
			s.Close()
			time.Sleep(gone)
			waited := make(chan error)
			go func() { waited <- p.Registered(t.Context()) }()
			time.Sleep(7 * time.Second)
			s.start()
			back := time.Now()
			if err := <-waited; err != nil {
				t.Fatal(err)
			}
			if took := time.Since(back); took > 6*time.Second {
				t.Errorf("registered %v after the server was back from %v", took, gone)
			}
		}
	})
}
