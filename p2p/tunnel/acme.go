package tunnel

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// issuePause is the pause between two attempts to get a certificate.
const issuePause = time.Minute

// An authority gets the certificate of a domain when it is first needed, and renews it. Until then, and for
// other names, the self-signed certificate is used.
type authority struct {
	domain  string
	own     *tls.Certificate
	manager autocert.Manager
	onError func(error)
	ready   atomic.Bool  // there is a certificate
	asked   atomic.Int64 // when one was last asked for, in Unix nanoseconds
}

func newAuthority(c Certificates, own *tls.Certificate) *authority {
	a := &authority{domain: strings.ToLower(c.Domain), own: own, onError: c.OnError, manager: autocert.Manager{
		Prompt:     autocert.AcceptTOS,
		Cache:      autocert.DirCache(c.CacheDir),
		HostPolicy: autocert.HostWhitelist(c.Domain),
	}}
	if a.onError == nil {
		a.onError = func(error) {}
	}
	return a
}

func (a *authority) apply(t *tls.Config) {
	t.NextProtos = append(t.NextProtos, acme.ALPNProto)
	t.GetCertificate = a.get
}

// get returns the certificate for a handshake. One handshake at a time waits for a
// certificate to be issued.
func (a *authority) get(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if slices.Contains(h.SupportedProtos, acme.ALPNProto) {
		return a.manager.GetCertificate(h)
	}
	if strings.ToLower(h.ServerName) != a.domain || !a.ready.Load() && !a.mayAsk() {
		return a.own, nil
	}
	// The suites of TLS 1.3 do not say what certificates are understood, and the manager
	// asks for RSA where none does.
	modern := *h
	modern.CipherSuites = append(slices.Clone(h.CipherSuites), tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)
	c, err := a.manager.GetCertificate(&modern)
	a.ready.Store(err == nil)
	if err != nil {
		a.onError(fmt.Errorf("getting a certificate for %q: %w", a.domain, err))
		return a.own, nil // peers need no better one
	}
	return c, nil
}

func (a *authority) mayAsk() bool {
	last, now := a.asked.Load(), time.Now().UnixNano()
	return now-last >= int64(issuePause) && a.asked.CompareAndSwap(last, now)
}
