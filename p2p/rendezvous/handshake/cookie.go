package handshake

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"sync"
	"time"

	"p2ptool/p2p/rendezvous"
)

// cookieLife is how long a secret is used. A cookie is valid for one to two times as long.
const cookieLife = 2 * time.Minute

// A cookieJar makes and checks proofs that somebody receives at an address: authentication codes under secrets
// that change, so that nothing is kept for the address. A proof for one transport is invalid for the other,
// since a host that can open a TCP connection from an address does not necessarily receive UDP there. It is safe for concurrent
// use.
type cookieJar struct {
	mu       sync.Mutex
	drawn    time.Time
	current  [32]byte
	previous [32]byte
}

// secretsAt returns the secret to make cookies with, and the previous one, which is still accepted.
func (j *cookieJar) secretsAt(now time.Time) (current, previous [32]byte) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if age := now.Sub(j.drawn); j.drawn.IsZero() || age >= cookieLife {
		j.previous = j.current
		if j.drawn.IsZero() || age >= 2*cookieLife {
			rand.Read(j.previous[:])
		}
		rand.Read(j.current[:])
		j.drawn = now
	}
	return j.current, j.previous
}

func (j *cookieJar) make(now time.Time, p rendezvous.Purpose, nonce [rendezvous.NonceSize]byte, from netip.AddrPort) [rendezvous.CookieSize]byte {
	secret, _ := j.secretsAt(now)
	return cookieMAC(secret, p, nonce, from)
}

func (j *cookieJar) check(now time.Time, cookie [rendezvous.CookieSize]byte, p rendezvous.Purpose, nonce [rendezvous.NonceSize]byte, from netip.AddrPort) bool {
	current, previous := j.secretsAt(now)
	a, b := cookieMAC(current, p, nonce, from), cookieMAC(previous, p, nonce, from)
	return hmac.Equal(cookie[:], a[:]) || hmac.Equal(cookie[:], b[:])
}

// Token returns what the session of an index has to return to prove that it receives at an address. It is never
// 0.
func (r *Responder) Token(now time.Time, index uint32, at rendezvous.Endpoint) uint64 {
	secret, _ := r.cookies.secretsAt(now)
	return tokenMAC(secret, index, at)
}

// CheckToken reports whether a token is one that Token returned within the last two to four minutes.
func (r *Responder) CheckToken(now time.Time, token uint64, index uint32, at rendezvous.Endpoint) bool {
	current, previous := r.cookies.secretsAt(now)
	return token == tokenMAC(current, index, at) || token == tokenMAC(previous, index, at)
}

func cookieMAC(secret [32]byte, p rendezvous.Purpose, nonce [rendezvous.NonceSize]byte, from netip.AddrPort) (c [rendezvous.CookieSize]byte) {
	m := append([]byte{byte(p)}, nonce[:]...)
	copy(c[:], mac(secret, rendezvous.EndpointOf(from).AppendProven(m)))
	return c
}

func tokenMAC(secret [32]byte, index uint32, at rendezvous.Endpoint) uint64 {
	m := append([]byte{0}, make([]byte, 4)...) // no purpose is 0: no cookie is a token
	binary.BigEndian.PutUint32(m[1:], index)
	return binary.BigEndian.Uint64(mac(secret, at.AppendProven(m))) | 1 // 0 means none
}

func mac(secret [32]byte, message []byte) []byte {
	h := hmac.New(sha256.New, secret[:])
	h.Write(message)
	return h.Sum(nil)
}
