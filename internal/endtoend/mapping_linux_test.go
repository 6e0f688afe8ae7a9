package endtoend

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"p2ptool/internal/natlab"
)

// publicA is an address that the router's daemon regards as public. It regards none of the
// addresses reserved for documentation so.
const publicA = "11.0.0.1"

// A daemon is a miniupnpd on a router.
type daemon struct {
	cmd *natlab.Cmd
	log journal
}

// A journal collects a program's output.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// await waits until the journal contains a text.
func (j *journal) await(t *testing.T, text string) {
	t.Helper()
	deadline := time.After(patience)
	for !strings.Contains(j.String(), text) {
		select {
		case <-deadline:
			t.Fatalf("the output of the router's daemon lacks %q:\n%s", text, j)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// mapPorts starts a port mapping daemon on a router, with these lines in its config, and waits
// until its output contains the text ready.
func mapPorts(t *testing.T, r *natlab.Router, ready string, lines ...string) *daemon {
	t.Helper()
	path, err := exec.LookPath("miniupnpd")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "config")
	lines = append(lines, "ext_ifname=wan", "listening_ip=lan", "system_uptime=no", "secure_mode=yes",
		"uuid=00000000-0000-4000-8000-000000000000", "allow 1024-65535 0.0.0.0/0 1024-65535",
		"lease_file="+filepath.Join(dir, "leases"))
	if err := os.WriteFile(config, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := &daemon{cmd: r.Command(path, "-d", "-f", config, "-P", filepath.Join(dir, "pid"))}
	d.cmd.Stdout, d.cmd.Stderr = &d.log, &d.log
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("the router's daemon: ", d.log.String())
		}
	})
	d.log.await(t, ready)
	return d
}

// TestNetcheckRouter: netcheck shows the protocols by which the router maps ports.
func TestNetcheckRouter(t *testing.T) {
	t.Parallel()
	s := newInternet(t)
	home := s.lab.Router(publicA, natlab.Symmetric)
	home.Gateway("192.168.1.1")
	router := mapPorts(t, home, "HTTP listening on port", "enable_natpmp=yes", "enable_upnp=yes")
	router.log.await(t, "Listening for NAT-PMP/PCP")
	cmd := home.Host("192.168.1.2").Command(os.Getenv(binaryVar), "netcheck", "--server", serverAddr)
	cmd.Dir, cmd.Env = t.TempDir(), []string{"HOME=" + t.TempDir()}
	out, err := cmd.Output()
	if err != nil || !strings.Contains(string(out), "portmap    PCP, NAT-PMP, UPnP, at router 192.168.1.1\n") ||
		!strings.Contains(string(out), "its router maps a port on demand") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestPortMapping: between two symmetric NATs only the relay works. A port mapping on one
// router makes the path direct, whichever protocol the router speaks.
func TestPortMapping(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name           string
		config         []string
		ready, removed string // output of the daemon
		path           string
	}{
		{"pcp", []string{"enable_natpmp=yes", "enable_upnp=no"}, "Listening for NAT-PMP/PCP", "mapping removed", "direct"},
		{"upnp", []string{"enable_natpmp=no", "enable_upnp=yes"}, "HTTP listening on port", "removing redirect rule", "direct"},
		{"neither", nil, "", "", "relay"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newInternet(t)
			home := s.lab.Router(publicA, natlab.Symmetric)
			home.Gateway("192.168.1.1")
			var router *daemon
			if tt.config != nil {
				router = mapPorts(t, home, tt.ready, tt.config...)
			}
			s.ann = newPeer(t, "ann", inside{home.Host("192.168.1.2")}, serverAddr)
			s.bob = newPeer(t, "bob", inside{s.lab.Router(outerB, natlab.Symmetric).Host("192.168.2.2")}, serverAddr)
			for _, mapped := range []bool{true, false} {
				caller, called := s.ann, s.bob
				if !mapped {
					caller, called = s.bob, s.ann
				}
				waiting := called.run("run")
				waiting.await(patience, "readiness", is("listening"))
				talk := caller.run("chat", called.guid, "--linger", "1s")
				e := talk.await(patience, "the path", onPath(tt.path))
				t.Logf("%s after %v", tt.path, talk.since(e).Round(time.Millisecond))
				talk.end(0)
				if got := talk.path(); got != tt.path {
					t.Errorf("the final path is %q, want %q", got, tt.path)
				}
				if mapped && router != nil {
					router.log.await(t, tt.removed)
				}
				waiting.kill()
			}
		})
	}
}
