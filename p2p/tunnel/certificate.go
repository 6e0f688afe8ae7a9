package tunnel

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"os"
	"sync"
	"time"

	"p2ptool/internal/textfile"
)

// Certificates say where a server's certificate comes from. The zero value is a self-signed one: peers accept
// any, but a firewall may allow only those of public authorities.
type Certificates struct {
	// CertFile and KeyFile hold a certificate chain and its key in PEM. They are read
	// again when they change.
	CertFile, KeyFile string

	// Domain is the server's name. A certificate for it is issued by ACME (RFC 8555) with the challenge TLS-ALPN-01
	// (RFC 8737), for which the server has to listen on port 443, and cached in the folder CacheDir. Setting Domain
	// agrees to the terms of Let's Encrypt.
	Domain, CacheDir string

	// OnError is called with the reason why there is no certificate for Domain, on the goroutine of a handshake, at
	// most once a minute. It may be nil.
	OnError func(error)
}

// ServerTLS returns the TLS configuration of a server.
func ServerTLS(c Certificates) (*tls.Config, error) {
	t := &tls.Config{NextProtos: []string{ALPN}, MinVersion: tls.VersionTLS13}
	switch {
	case (c.CertFile == "") != (c.KeyFile == ""):
		return nil, errors.New("a certificate needs a file for itself and one for its key")
	case c.CertFile != "" && c.Domain != "":
		return nil, errors.New("a certificate is either in files or got for a domain")
	case c.CertFile != "":
		f := &files{cert: c.CertFile, key: c.KeyFile}
		t.GetCertificate = f.get
		_, err := f.get(nil)
		return t, err
	}
	own, err := selfMade()
	if err != nil {
		return nil, err
	}
	t.Certificates = []tls.Certificate{own}
	if c.Domain != "" {
		newAuthority(c, &own).apply(t)
	}
	return t, nil
}

// selfMade returns a self-signed certificate.
func selfMade() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "p2ptool"},
		NotBefore:    time.Unix(0, 0),
		NotAfter:     time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), // RFC 5280: without end
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// files is a certificate in files.
type files struct {
	cert, key string

	mu      sync.Mutex // guards what follows
	current *tls.Certificate
	written time.Time // the later of the two
}

// get returns the certificate in the files, and the one before where they do not hold one now.
func (f *files) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	written, err := f.lastWritten()
	if err == nil && (f.current == nil || !written.Equal(f.written)) {
		var c tls.Certificate
		if c, err = loadPair(f.cert, f.key); err == nil {
			f.current, f.written = &c, written
		}
	}
	if f.current == nil {
		return nil, fmt.Errorf("reading the certificate: %w", err)
	}
	return f.current, nil
}

// maxPEM is the largest file of a certificate or a key that is read, in bytes.
const maxPEM = 1 << 20

func loadPair(cert, key string) (tls.Certificate, error) {
	c, err := textfile.Read(cert, maxPEM)
	if err != nil {
		return tls.Certificate{}, err
	}
	k, err := textfile.Read(key, maxPEM)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(c, k)
}

func (f *files) lastWritten() (last time.Time, err error) {
	for _, name := range []string{f.cert, f.key} {
		info, err := os.Stat(name)
		if err != nil {
			return last, err
		}
		if info.ModTime().After(last) {
			last = info.ModTime()
		}
	}
	return last, nil
}
