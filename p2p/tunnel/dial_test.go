package tunnel

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// A testProxy is one of HTTP that knows where a name leads to.
type testProxy struct {
	http.Server
	at      *url.URL
	leads   map[string]string
	answers int // the status for all; 0: it connects
	user    string
	serving sync.WaitGroup
}

func startProxy(t *testing.T, p *testProxy) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.at = &url.URL{Scheme: "http", Host: l.Addr().String()}
	p.Handler = http.HandlerFunc(p.connect)
	p.serving.Go(func() { p.Serve(l) })
	t.Cleanup(func() {
		p.Close()
		p.serving.Wait()
	})
}

func (p *testProxy) connect(w http.ResponseWriter, r *http.Request) {
	p.user = r.Header.Get("Proxy-Authorization")
	to := p.leads[r.Host]
	if p.answers != 0 || to == "" || r.Method != http.MethodConnect {
		w.WriteHeader(max(p.answers, http.StatusForbidden))
		return
	}
	there, err := net.Dial("tcp", to)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	here, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n")
	p.serving.Go(func() { io.Copy(there, here); there.Close() })
	p.serving.Go(func() { io.Copy(here, there); here.Close() })
}

// startServer takes streams and gives back what it gets.
func startServer(t *testing.T, config *tls.Config) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := NewHub()
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { h.Accept(context.Background(), c, Mark(c.RemoteAddr().(*net.TCPAddr).AddrPort()), config) })
		}
	})
	serving.Go(func() { udpEcho(h) })
	t.Cleanup(func() {
		l.Close()
		h.Close()
		serving.Wait()
	})
	return l.Addr().String()
}

func TestThroughProxy(t *testing.T) {
	server := startServer(t, testTLS(t))
	p := &testProxy{leads: map[string]string{"rendezvous.invalid:443": server}}
	startProxy(t, p)
	p.at.User = url.UserPassword("ann", "secret")
	h := NewHub()
	defer h.Close()
	d := Dialer{Hub: h, Proxy: http.ProxyURL(p.at)}
	addr, err := d.Open(t.Context(), "rendezvous.invalid:443", false)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(addr.Addr().String(), "100::") {
		t.Errorf("a server whose address is not known is at %v", addr)
	}
	if want := "Basic " + base64.StdEncoding.EncodeToString([]byte("ann:secret")); p.user != want {
		t.Errorf("the proxy was told %q, want %q", p.user, want)
	}
	h.Write(datagram(addr, 7))
	if b := next(t, h); len(b.Data) != 7 || b.Addr != addr {
		t.Errorf("%d bytes from %v", len(b.Data), b.Addr)
	}
}

func TestProxyRefuses(t *testing.T) {
	p := &testProxy{answers: http.StatusProxyAuthRequired}
	startProxy(t, p)
	h := NewHub()
	defer h.Close()
	d := Dialer{Hub: h, Proxy: http.ProxyURL(p.at)}
	_, err := d.Open(t.Context(), "rendezvous.invalid:443", false)
	if err == nil || !strings.Contains(err.Error(), "407") || !strings.Contains(err.Error(), p.at.Host) {
		t.Errorf("the error is %v", err)
	}
	p.at.Scheme = "gopher"
	if _, err := d.Open(t.Context(), "rendezvous.invalid:443", false); err == nil || !strings.Contains(err.Error(), `"gopher"`) {
		t.Errorf("the error is %v", err)
	}
}

// A proxy that is silent, or a server, is not waited for longer than the context lasts.
func TestSilence(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	h := NewHub()
	defer h.Close()
	for name, d := range map[string]Dialer{
		"proxy":  {Hub: h, Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: l.Addr().String()})},
		"server": {Hub: h},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		enough := errors.New("enough")
		var waiting sync.WaitGroup
		waiting.Go(func() {
			c, err := l.Accept()
			if err != nil {
				return
			}
			bufio.NewReader(c).ReadByte()
			cancel(enough)
			c.Close()
		})
		if _, err := d.Open(ctx, l.Addr().String(), false); err == nil {
			t.Errorf("%s: no error", name)
		}
		waiting.Wait()
	}
}

// What speaks TLS and nothing of ours is not taken for a server.
func TestAnotherProtocol(t *testing.T) {
	config := testTLS(t)
	config.NextProtos = nil
	h := NewHub()
	defer h.Close()
	d := Dialer{Hub: h}
	if _, err := d.Open(t.Context(), startServer(t, config), false); !errors.Is(err, errProtocol) {
		t.Errorf("the error is %v", err)
	}
	if _, err := d.Open(t.Context(), "nonsense", false); err == nil || !strings.Contains(err.Error(), "host:port") {
		t.Errorf("the error is %v", err)
	}
}
