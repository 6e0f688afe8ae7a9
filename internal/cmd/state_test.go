package cmd

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"p2ptool/p2p"
	"p2ptool/p2p/identity"
)

func publicKey(t *testing.T) identity.PublicKey {
	t.Helper()
	k, err := identity.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return k.Public()
}

func TestTrust(t *testing.T) {
	t.Parallel()
	dir := stateDir(filepath.Join(t.TempDir(), "state"))
	first, other := publicKey(t), publicKey(t)
	trust := func(addr string, key identity.PublicKey, wantAdded bool, want error) {
		t.Helper()
		added, err := dir.trust(addr, key)
		if added != wantAdded || !errors.Is(err, want) {
			t.Errorf("trust(%q) = %v, %v", addr, added, err)
		}
	}
	trust("a:1", first, true, nil)
	trust("a:1", first, false, nil)
	trust("a:1", other, false, p2p.ErrServerKey)
	trust("a:12", other, true, nil)
	if found, err := dir.forget("a:1"); !found || err != nil {
		t.Errorf("forget = %v, %v", found, err)
	}
	trust("a:1", other, true, nil)
	trust("a:12", other, false, nil)
	_, err := dir.trust("a:1", first)
	if want := "if the server was reinstalled, run `p2ptool forget-server a:1`"; hintOf(err) != want {
		t.Errorf("hint %q, want %q", hintOf(err), want)
	}
}

// Concurrent processes lose none of each other's changes to the state folder.
func TestTrustAtOnce(t *testing.T) {
	t.Parallel()
	dir := stateDir(t.TempDir())
	var g sync.WaitGroup
	names := strings.Split("abcdefghijkl", "")
	for _, name := range names {
		key := publicKey(t)
		g.Go(func() {
			if _, err := dir.trust(name+":1", key); err != nil {
				t.Error(err)
			}
		})
	}
	g.Wait()
	lines, err := dir.servers()
	if err != nil || len(lines) != len(names) {
		t.Errorf("%d servers, %v, want %d", len(lines), err, len(names))
	}
}

func TestServerKeyStays(t *testing.T) {
	t.Parallel()
	dir := stateDir(t.TempDir())
	var g sync.WaitGroup
	keys := make([]string, 4)
	for i := range keys {
		g.Go(func() {
			k, err := dir.serverKey()
			if err != nil {
				t.Error(err)
			}
			keys[i] = k.Public().String()
		})
	}
	g.Wait()
	for _, k := range keys {
		if k != keys[0] {
			t.Fatalf("several keys: %q", keys)
		}
	}
	if err := os.WriteFile(dir.path("server.key"), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := dir.serverKey(); err == nil || strings.Contains(err.Error(), "nonsense") {
		t.Errorf("a broken key: %v", err)
	}
}
