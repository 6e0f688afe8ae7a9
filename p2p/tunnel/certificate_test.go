package tunnel

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/crypto/acme"
)

// writeCertificate writes a self-made certificate and its key.
func writeCertificate(t *testing.T, dir string) (c Certificates, leaf []byte) {
	t.Helper()
	own, err := selfMade()
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	c = Certificates{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem")}
	for name, block := range map[string]*pem.Block{
		c.CertFile: {Type: "CERTIFICATE", Bytes: own.Certificate[0]},
		c.KeyFile:  {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c, own.Certificate[0]
}

func shown(t *testing.T, c *tls.Config, h *tls.ClientHelloInfo) []byte {
	t.Helper()
	got, err := c.GetCertificate(h)
	if err != nil {
		t.Fatal(err)
	}
	return got.Certificate[0]
}

func TestCertificateFromFiles(t *testing.T) {
	dir := t.TempDir()
	files, first := writeCertificate(t, dir)
	config, err := ServerTLS(files)
	if err != nil {
		t.Fatal(err)
	}
	hello := &tls.ClientHelloInfo{ServerName: "rendezvous.example.org"}
	if string(shown(t, config, hello)) != string(first) {
		t.Error("another certificate")
	}
	_, second := writeCertificate(t, dir)
	later := time.Now().Add(time.Hour) // whatever the file system's clock tells apart
	if err := os.Chtimes(files.CertFile, later, later); err != nil {
		t.Fatal(err)
	}
	if string(shown(t, config, hello)) != string(second) {
		t.Error("the renewed certificate is not taken")
	}
	if err := os.Remove(files.KeyFile); err != nil {
		t.Fatal(err)
	}
	if string(shown(t, config, hello)) != string(second) {
		t.Error("while the files are not whole the certificate before is not shown")
	}
	if _, err := ServerTLS(files); err == nil {
		t.Error("a server begins without its certificate")
	}
}

func TestCertificatesThatMakeNoSense(t *testing.T) {
	for _, c := range []Certificates{{CertFile: "c"}, {KeyFile: "k"}, {CertFile: "c", KeyFile: "k", Domain: "example.org"}} {
		if _, err := ServerTLS(c); err == nil {
			t.Errorf("%+v is fine", c)
		}
	}
}

// While there is no certificate for the domain, and for other names, the self-made one is shown, and
// the reason told, once a minute.
func TestAuthorityIsNotThere(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var told []error
	config, err := ServerTLS(Certificates{
		Domain: "Rendezvous.example.org", CacheDir: filepath.Join(dir, "no-folder"),
		OnError: func(err error) { told = append(told, err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	own := string(config.Certificates[0].Certificate[0])
	for _, name := range []string{"", "other.example.org", "rendezvous.example.org", "rendezvous.example.org"} {
		h := &tls.ClientHelloInfo{ServerName: name, SupportedProtos: []string{ALPN}}
		if string(shown(t, config, h)) != own {
			t.Errorf("%q gets another certificate", name)
		}
	}
	if len(told) != 1 {
		t.Errorf("told %v", told)
	}
	challenge := &tls.ClientHelloInfo{ServerName: "rendezvous.example.org", SupportedProtos: []string{acme.ALPNProto}}
	if _, err := config.GetCertificate(challenge); err == nil {
		t.Error("a challenge that nobody made is answered")
	}
}

// A certificate that was got before is shown to those who ask for the domain.
func TestAuthorityHasCertificate(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"rendezvous.example.org"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(2000 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	kept := append(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "rendezvous.example.org"), kept, 0o600); err != nil {
		t.Fatal(err)
	}
	config, err := ServerTLS(Certificates{Domain: "rendezvous.example.org", CacheDir: dir, OnError: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	h := &tls.ClientHelloInfo{
		ServerName: "rendezvous.example.org", SupportedProtos: []string{ALPN}, CipherSuites: []uint16{tls.TLS_AES_128_GCM_SHA256},
		SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256}, SupportedCurves: []tls.CurveID{tls.CurveP256},
		SupportedVersions: []uint16{tls.VersionTLS13},
	}
	for range 2 {
		if string(shown(t, config, h)) != string(der) {
			t.Error("another certificate")
		}
	}
}
