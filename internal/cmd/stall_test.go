package cmd

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"p2ptool/internal/netsim"
)

// A transfer that stands still says so on both sides, with the reason, and goes on afterwards.
func TestStalledTransfer(t *testing.T) {
	t.Parallel()
	inTown(t, func(t *testing.T, w *town) {
		file := filepath.Join(w.dir, "file")
		content := make([]byte, 3<<20)
		rand.NewChaCha8([32]byte{}).Read(content)
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		host := w.sides[0].host
		host.Link(netsim.Link{Delay: 5 * time.Millisecond, Rate: 500_000})
		bob := w.start(w.sides[1], "", "receive", "--once")
		defer bob.stop()
		time.Sleep(2 * time.Second)
		ann := w.start(w.sides[0], "", "send", file, "--to", w.sides[1].guid)
		defer ann.stop()
		time.Sleep(3 * time.Second)
		host.Cut()
		time.Sleep(45 * time.Second)
		host.Heal()
		for _, r := range []*running{ann, bob} {
			if n, said := r.count("stalled"), r.said(); n != 1 || !strings.Contains(said, "no path to the peer answers") {
				t.Errorf("%d times it was said that nothing moves:\n%s", n, said)
			}
		}
		ann.ends(statusDone)
		bob.ends(statusDone)
	})
}
