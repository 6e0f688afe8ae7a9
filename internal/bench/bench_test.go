package bench

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"p2ptool/transfer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A testHost is a Host with streams to it over pipes.
type testHost struct {
	t    *testing.T
	host Host
	dir  string
	slow int   // rate of a stream in bytes per second; 0: no limit
	no   error // the result of Consent
	wg   sync.WaitGroup
	mu   sync.Mutex
	errs []error // of Serve
}

func newTestHost(t *testing.T) *testHost {
	p := &testHost{t: t, dir: t.TempDir()}
	t.Cleanup(p.wg.Wait)
	return p
}

func (p *testHost) as(peer string) func() (io.ReadWriteCloser, error) {
	return func() (io.ReadWriteCloser, error) {
		a, b := net.Pipe()
		p.wg.Go(func() {
			g := Client{Peer: peer, Dir: p.dir, Consent: func(context.Context) error { return p.no }}
			err := p.host.Serve(context.Background(), g, slowStream{b, p.slow})
			p.mu.Lock()
			defer p.mu.Unlock()
			p.errs = append(p.errs, err)
		})
		return slowStream{a, p.slow}, nil
	}
}

// A slowStream limits the rate of writing.
type slowStream struct {
	io.ReadWriteCloser
	rate int
}

func (s slowStream) Write(b []byte) (int, error) {
	if s.rate > 0 {
		time.Sleep(time.Duration(len(b)) * time.Second / time.Duration(s.rate))
	}
	return s.ReadWriteCloser.Write(b)
}

func (p *testHost) options(peer string, lasts time.Duration) Options {
	return Options{
		Duration: lasts, Dir: p.t.TempDir(), Open: p.as(peer), Progress: func(string) {},
		Ping: func(context.Context) (time.Duration, error) { return time.Millisecond, nil },
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	p := newTestHost(t)
	o := p.options("ann", 100*time.Millisecond)
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.WriteHere <= 0 || r.ReadHere <= 0 || r.WriteThere <= 0 || r.ReadThere <= 0 || r.RTT != time.Millisecond {
		t.Errorf("%+v", r)
	}
	p.wg.Wait()
	for _, err := range p.errs {
		if err != nil {
			t.Errorf("Serve: %v", err)
		}
	}
	for _, dir := range []string{p.dir, o.Dir} {
		if es, err := os.ReadDir(dir); err != nil || len(es) > 0 {
			t.Errorf("left in the folder: %v, %v", es, err)
		}
	}
}

// In virtual time the measured rates are those of the streams.
func TestNetworkRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestHost(t)
		p.slow = 10 << 20
		p.withSession("ann", func(v *runner) {
			if err := errors.Join(v.up(t.Context()), v.down(t.Context())); err != nil {
				t.Fatal(err)
			}
			for _, rate := range []float64{v.r.Up, v.r.Down} {
				if rate < 9<<20 || rate > 11<<20 {
					t.Errorf("%.0f bytes per second", rate)
				}
			}
			if v.r.RTTUp != time.Millisecond {
				t.Errorf("round trip %v", v.r.RTTUp)
			}
		})
		p.wg.Wait()
	})
}

// withSession calls fn within a session.
func (p *testHost) withSession(peer string, fn func(*runner)) {
	p.t.Helper()
	v := &runner{Options: p.options(peer, 2*time.Second)}
	rw, _ := v.Open()
	defer rw.Close()
	if err := v.enter(rw); err != nil {
		p.t.Fatal(err)
	}
	fn(v)
}

func TestRefused(t *testing.T) {
	t.Parallel()
	p := newTestHost(t)
	p.no = errors.New("not you")
	_, err := Run(t.Context(), p.options("ann", time.Second))
	if !errors.Is(err, ErrRefused) || err.Error() != "peer: refused: not you" {
		t.Errorf("Run: %v", err)
	}
	p.wg.Wait()
	if !errors.Is(p.errs[0], ErrRefused) {
		t.Errorf("Serve: %v", p.errs[0])
	}
	if es, _ := os.ReadDir(p.dir); len(es) > 0 {
		t.Errorf("created before consent: %v", es)
	}
}

// There is one session at a time, and no peer can measure in another's session.
func TestOneAtATime(t *testing.T) {
	t.Parallel()
	p := newTestHost(t)
	p.withSession("ann", func(ann *runner) {
		if _, err := Run(t.Context(), p.options("bob", time.Second)); !errors.Is(err, ErrBusy) {
			t.Errorf("second session: %v", err)
		}
		bob := &runner{Options: p.options("bob", time.Second), token: ann.token}
		if err := bob.diskThere(t.Context()); !errors.Is(err, ErrBusy) {
			t.Errorf("with another's token: %v", err)
		}
		ann.token[0]++
		if err := ann.diskThere(t.Context()); !errors.Is(err, ErrBusy) {
			t.Errorf("with a wrong token: %v", err)
		}
	})
	p.wg.Wait()
	p.withSession("bob", func(*runner) {})
}

// A client that sends nothing, or never stops, is disconnected.
func TestSlowClientIsDisconnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestHost(t)
		p.slow = 1 << 20
		silent, _ := p.as("bob")()
		defer silent.Close()
		p.withSession("ann", func(v *runner) {
			rw, _ := v.Open()
			defer rw.Close()
			rw.Write(request{up, time.Second, v.token}.append(nil))
			if err := readAnswer(rw, nil); err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			if err := sendBlocks(rw, time.Hour); err == nil {
				t.Error("the host received for an hour")
			}
			if d := time.Since(begun); d > time.Second+grace+time.Second {
				t.Errorf("disconnected after %v", d)
			}
		})
		begun := time.Now()
		io.ReadAll(silent)
		if d := time.Since(begun); d > maxSession {
			t.Errorf("a silent client was disconnected after %v", d)
		}
		p.wg.Wait()
	})
}

// On a slow path, and with a fast disk, a measurement ends in time.
func TestSlowPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestHost(t)
		p.slow = 100 << 10
		pace := func(n int) { time.Sleep(time.Duration(n) * time.Second / (100 << 20)) }
		p.withSession("ann", func(v *runner) {
			var err error
			if v.scratch, err = transfer.NewScratch(v.Dir, 8<<20); err != nil {
				t.Fatal(err)
			}
			defer v.scratch.Close()
			v.Duration, v.Pace = time.Second, pace
			if err := v.diskHere(t.Context()); err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			if err := v.sending(t.Context()); err != nil || time.Since(begun) > 2*grace {
				t.Errorf("sending took %v: %v", time.Since(begun), err)
			}
			if v.r.Sending < 80<<10 || v.r.Sending > 100<<10 {
				t.Errorf("%.0f bytes a second", v.r.Sending)
			}
		})
		p.wg.Wait()
	})
}

func TestHostileMessages(t *testing.T) {
	t.Parallel()
	for name, b := range map[string][]byte{
		"nothing":       {},
		"short":         {version, 0},
		"version":       append([]byte{9}, make([]byte, requestLen-1)...),
		"kind":          request{what: whats, lasts: 1e9}.append(nil),
		"no time":       request{what: up}.append(nil),
		"too much time": request{what: up, lasts: MaxDuration + time.Second}.append(nil),
	} {
		if r, err := parseRequest(b); err == nil {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if _, err := receiveBlocks(bytes.NewReader([]byte{0xff, 0, 0, 0}), time.Second); !errors.Is(err, errMessage) {
		t.Errorf("long block: %v", err)
	}
	if err := readAnswer(bytes.NewReader([]byte{0, 0xff, 0xff}), nil); !errors.Is(err, errMessage) {
		t.Errorf("long reason: %v", err)
	}
}

// With different versions both sides learn both, whichever is newer and whatever the length of the request.
func TestAnotherVersion(t *testing.T) {
	t.Parallel()
	for _, theirs := range []byte{version - 1, version + 1} {
		want := VersionError{theirs, version}
		p := newTestHost(t)
		rw, _ := p.as("x")()
		if _, err := rw.Write([]byte{theirs}); err != nil {
			t.Fatal(err)
		}
		var answer [4]byte
		if _, err := io.ReadFull(rw, answer[:]); err != nil || answer != [4]byte{byte(codeVersion), 0, 0, version} {
			t.Errorf("answered with %v, %v", answer, err)
		}
		rw.Close()
		p.wg.Wait()
		if v, ok := errors.AsType[*VersionError](p.errs[0]); !ok || *v != want {
			t.Errorf("Serve returns %v", p.errs[0])
		}
		a, b := net.Pipe()
		go func() {
			io.ReadFull(b, make([]byte, requestLen))
			writeAnswer(b, codeVersion, "", theirs)
		}()
		_, err := Run(t.Context(), Options{Dir: t.TempDir(), Open: func() (io.ReadWriteCloser, error) { return a, nil }})
		if v, ok := errors.AsType[*VersionError](err); !ok || *v != want || !errors.Is(err, ErrVersion) {
			t.Errorf("Run returns %v", err)
		}
	}
}

func FuzzRequest(f *testing.F) {
	f.Add(request{up, time.Second, token{1}}.append(nil))
	f.Add(request{what: session}.append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := parseRequest(b); err == nil && !bytes.Equal(r.append(nil), b) {
			t.Errorf("%x became %x", b, r.append(nil))
		}
	})
}

func TestBottleneck(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		r            Result
		sends, recvs Part
	}{
		{Result{Up: 10, Down: 10, ReadHere: 90, WriteHere: 90, ReadThere: 90, WriteThere: 90, Sending: 9, Receiving: 9}, Network, Network},
		{Result{Up: 10, Down: 80, ReadHere: 5, WriteHere: 20, ReadThere: 90, WriteThere: 90, Sending: 4, Receiving: 15}, Disk, Disk},
		{Result{Up: 10, Down: 80, ReadHere: 90, WriteHere: 90, ReadThere: 20, WriteThere: 5, Sending: 4, Receiving: 15}, PeerDisk, PeerDisk},
		{Result{Up: 90, Down: 90, ReadHere: 90, WriteHere: 90, ReadThere: 90, WriteThere: 90, Sending: 9, Receiving: 9}, Rest, Rest},
	} {
		if s, r := c.r.Sender(), c.r.Receiver(); s != c.sends || r != c.recvs {
			t.Errorf("%+v: %s, %s", c.r, s, r)
		}
	}
}
