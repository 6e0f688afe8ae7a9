package endtoend

import (
	"net"
	"strings"
	"testing"
	"time"
)

// nobody is the GUID of a peer that is never online.
const nobody = "1b671a64-40d5-891e-99b0-da01ff1f3341"

// TestCodes: a command that cannot succeed ends soon, with the documented exit status and an
// error event with the documented code.
func TestCodes(t *testing.T) {
	t.Parallel()
	p := withServer(t)
	writeFile(t, p.ann.path("file"), 1*mB, 1)
	refuses := p.bob.run("receive", "--dir", p.bob.path("in"))
	refuses.await(patience, "readiness", is("listening"))
	silent, err := net.ListenPacket("udp4", "127.0.0.1:0") // receives everything and answers nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for _, tt := range []struct {
		name   string
		args   []string
		status int
		code   string
		hint   string
	}{
		{"own GUID", []string{"send", "file", "--to", p.ann.guid}, 2, "usage", "use the other peer"},
		{"own GUID in a chat", []string{"chat", p.ann.guid}, 2, "usage", "use the other peer"},
		{"unknown GUID", []string{"send", "file", "--to", nobody}, 3, "peer_offline", "--wait"},
		{"nobody there to say yes", []string{"send", "file", "--to", p.bob.guid}, 4, "refused", ""},
		{"nobody at the address", []string{"send", "file", "--to", nobody + "@" + silent.LocalAddr().String()}, 5, "no_path", "check that the peer listens there"},
		{"dead server", []string{"send", "file", "--to", nobody, "--server", silent.LocalAddr().String()}, 9, "timeout", "check that `p2ptool serve` runs there"},
		{"missing file", []string{"send", "missing", "--to", p.bob.guid}, 2, "usage", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			u := *p.ann
			u.t = t
			c := u.run(tt.args...)
			c.endWithin(15*time.Second, tt.status)
			e := c.await(0, "error", is("error"))
			if e.Code != tt.code || e.Message == "" || !strings.Contains(e.Hint, tt.hint) {
				t.Errorf("the error is %q: %q, hint %q; want %q, hint %q", e.Code, e.Message, e.Hint, tt.code, tt.hint)
			}
			t.Logf("after %v: %s", c.lived(), c.said())
		})
	}
}
