package rendezvous

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"sync"
	"time"
)

// cookieLife is how long a secret is used; a cookie is good for once to twice
// as long.
const cookieLife = 2 * time.Minute

// A cookieJar makes and checks what proves that somebody receives at an
// address, without keeping anything for it: authentication codes over what
// they are for, under secrets that change. What is proven by one transport does
// not count for the other: whoever opens a TCP connection from an address need
// not receive UDP there. It is safe for concurrent use.
type cookieJar struct {
	mu       sync.Mutex
	drawn    time.Time
	current  [32]byte
	previous [32]byte
}

// secretsAt returns the secret to make cookies with and the one before it,
// which still checks.
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

func (j *cookieJar) make(now time.Time, p Purpose, nonce [nonceSize]byte, from netip.AddrPort) [cookieSize]byte {
	secret, _ := j.secretsAt(now)
	return cookieMAC(secret, p, nonce, from)
}

func (j *cookieJar) check(now time.Time, cookie [cookieSize]byte, p Purpose, nonce [nonceSize]byte, from netip.AddrPort) bool {
	current, previous := j.secretsAt(now)
	a, b := cookieMAC(current, p, nonce, from), cookieMAC(previous, p, nonce, from)
	return hmac.Equal(cookie[:], a[:]) || hmac.Equal(cookie[:], b[:])
}

// token makes what a session returns to prove that it has moved to an address.
func (j *cookieJar) token(now time.Time, index uint32, at endpoint) uint64 {
	secret, _ := j.secretsAt(now)
	return tokenMAC(secret, index, at)
}

func (j *cookieJar) checkToken(now time.Time, token uint64, index uint32, at endpoint) bool {
	current, previous := j.secretsAt(now)
	return token == tokenMAC(current, index, at) || token == tokenMAC(previous, index, at)
}

func cookieMAC(secret [32]byte, p Purpose, nonce [nonceSize]byte, from netip.AddrPort) (c [cookieSize]byte) {
	m := append([]byte{byte(p)}, nonce[:]...)
	copy(c[:], mac(secret, endpointOf(from).appendProven(m)))
	return c
}

func tokenMAC(secret [32]byte, index uint32, at endpoint) uint64 {
	m := append([]byte{0}, make([]byte, 4)...) // no purpose is 0: no cookie is a token
	binary.BigEndian.PutUint32(m[1:], index)
	return binary.BigEndian.Uint64(mac(secret, at.appendProven(m))) | 1 // 0 means none
}

func mac(secret [32]byte, message []byte) []byte {
	h := hmac.New(sha256.New, secret[:])
	h.Write(message)
	return h.Sum(nil)
}
