package tunnel

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	"golang.org/x/net/proxy"
)

// A dialFunc makes TCP connections.
type dialFunc func(ctx context.Context, network, hostport string) (net.Conn, error)

// Dial and DialContext are for package proxy.
func (f dialFunc) Dial(network, hostport string) (net.Conn, error) {
	return f(context.Background(), network, hostport)
}

func (f dialFunc) DialContext(ctx context.Context, network, hostport string) (net.Conn, error) {
	return f(ctx, network, hostport)
}

// throughProxy connects to host:port through a proxy: HTTP, with CONNECT (RFC 9110, section 9.3.6), with or
// without TLS, or SOCKS 5.
func throughProxy(ctx context.Context, dial dialFunc, via *url.URL, hostport string) (net.Conn, error) {
	c, err := dialProxy(ctx, dial, via, hostport)
	if err != nil {
		return nil, fmt.Errorf("proxy %q: %w", via.Host, err)
	}
	return c, nil
}

func dialProxy(ctx context.Context, dial dialFunc, via *url.URL, hostport string) (net.Conn, error) {
	switch via.Scheme {
	case "socks5", "socks5h":
		d, err := proxy.FromURL(via, dial)
		if err != nil {
			return nil, err
		}
		return d.(proxy.ContextDialer).DialContext(ctx, "tcp", hostport)
	case "http", "https":
	default:
		return nil, fmt.Errorf("%q is not http, https, socks5 or socks5h", via.Scheme)
	}
	port := via.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[via.Scheme]
	}
	c, err := dial(ctx, "tcp", net.JoinHostPort(via.Hostname(), port))
	if err != nil {
		return nil, err
	}
	if via.Scheme == "https" {
		c = tls.Client(c, &tls.Config{ServerName: via.Hostname(), MinVersion: tls.VersionTLS12})
	}
	// What the context ends while the proxy is talked to is the connection.
	stop := context.AfterFunc(ctx, func() { closeNow(c) })
	err = askProxy(c, via.User, hostport)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		closeNow(c)
		return nil, err
	}
	return c, nil
}

// maxProxyAnswer is more than a proxy has to say.
const maxProxyAnswer = 64 << 10

func askProxy(c net.Conn, user *url.Userinfo, hostport string) error {
	ask := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: hostport}, Host: hostport, Header: http.Header{}}
	if user != nil {
		password, _ := user.Password()
		basic := base64.StdEncoding.EncodeToString([]byte(user.Username() + ":" + password))
		ask.Header.Set("Proxy-Authorization", "Basic "+basic)
	}
	if err := ask.Write(c); err != nil {
		return err
	}
	r := bufio.NewReader(io.LimitReader(c, maxProxyAnswer))
	answer, err := http.ReadResponse(r, ask)
	switch {
	case err != nil:
		return err
	case answer.StatusCode != http.StatusOK:
		return fmt.Errorf("it does not connect to %q: %s", hostport, answer.Status)
	case r.Buffered() > 0:
		return errors.New("it says more than it was asked")
	}
	return nil
}
