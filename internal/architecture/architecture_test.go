package architecture

import (
	"encoding/json"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "p2ptool"

// may lists which of the module's packages each package may import. What does
// not stand here may not exist; a package of tests alone may import anything.
var may = map[string][]string{
	"":                              {"internal/cmd"},
	"internal/bench":                {"transfer"},
	"internal/cmd":                  {"internal/bench", "internal/config", "internal/filelock", "internal/script", "internal/terminal", "p2p", "p2p/chat", "p2p/identity", "p2p/lan", "p2p/limit", "p2p/udp", "transfer"},
	"internal/config":               {"internal/config/tomledit", "internal/filelock", "internal/script", "internal/textfile", "p2p/identity"},
	"internal/config/tomledit":      {},
	"internal/filelock":             {},
	"internal/script":               {"internal/textfile"},
	"internal/textfile":             {},
	"internal/terminal":             {},
	"p2p":                           {"p2p/rendezvous", "p2p/rendezvous/client", "p2p/rendezvous/handshake", "p2p/rendezvous/server", "p2p/link", "p2p/link/qlog", "p2p/portmap", "p2p/path", "p2p/stun", "p2p/tunnel", "p2p/noise", "p2p/udp", "p2p/identity"},
	"p2p/rendezvous":                {"p2p/tunnel", "p2p/noise", "p2p/identity"},
	"p2p/rendezvous/handshake":      {"p2p/rendezvous", "p2p/limit", "p2p/noise", "p2p/identity"},
	"p2p/rendezvous/client":         {"p2p/rendezvous", "p2p/rendezvous/handshake", "p2p/stun", "p2p/tunnel", "p2p/noise", "p2p/identity"},
	"p2p/rendezvous/server":         {"p2p/rendezvous", "p2p/rendezvous/handshake", "p2p/limit", "p2p/stun", "p2p/tunnel", "p2p/noise", "p2p/udp", "p2p/identity"},
	"p2p/link":                      {"p2p/link/congestion", "p2p/link/qlog", "p2p/link/recovery", "p2p/rtt", "p2p/link/spans", "p2p/link/stream", "p2p/link/wire", "p2p/limit", "p2p/path", "p2p/noise", "p2p/tunnel", "p2p/udp"},
	"p2p/link/congestion":           {"p2p/rtt", "p2p/udp"},
	"p2p/link/recovery":             {"p2p/link/congestion", "p2p/rtt", "p2p/link/spans", "p2p/link/wire"},
	"p2p/rtt":                       {},
	"p2p/link/qlog":                 {"p2p/link/spans", "p2p/link/wire", "p2p/path"},
	"p2p/link/spans":                {},
	"p2p/link/stream":               {"p2p/link/spans", "p2p/link/wire"},
	"p2p/link/wire":                 {"p2p/link/spans", "p2p/path"},
	"p2p/lan":                       {"p2p/identity"},
	"p2p/stun":                      {"p2p/path", "p2p/udp"},
	"p2p/portmap":                   {},
	"p2p/limit":                     {},
	"p2p/path":                      {"p2p/limit", "p2p/rtt"},
	"p2p/noise":                     {"p2p/identity"},
	"p2p/tunnel":                    {"internal/textfile", "p2p/udp"},
	"p2p/udp":                       {},
	"p2p/identity":                  {},
	"p2p/chat":                      {},
	"transfer":                      {"transfer/internal/disk"},
	"transfer/internal/disk":        {},
	"internal/netsim":               {"p2p/udp"},
	"internal/natlab":               {"p2p/udp"},
	"internal/natmatrix":            {},
	"internal/sidebyside":           {"internal/natlab"},
	"internal/architecture":         {},
	"internal/architecture/picture": {},
	"internal/campaign":             {},
	"internal/endtoend":             {},
}

type pkg struct {
	ImportPath, Dir  string
	Imports, GoFiles []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Dir,Imports,GoFiles", module+"/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func local(path string) (name string, ok bool) {
	if path == module {
		return "", true
	}
	return strings.CutPrefix(path, module+"/")
}

func TestImportsGoOneWay(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range packages(t) {
		name, _ := local(p.ImportPath)
		allowed, known := may[name]
		if !known {
			t.Errorf("%s has no place in the architecture", p.ImportPath)
		}
		seen[name] = true
		for _, i := range p.Imports {
			if i, ok := local(i); ok && !slices.Contains(allowed, i) {
				t.Errorf("%s imports %s", p.ImportPath, i)
			}
		}
	}
	for name := range may {
		if !seen[name] {
			t.Errorf("package %q is not there", name)
		}
	}
}

func TestEveryPackageHasOneComment(t *testing.T) {
	for _, p := range packages(t) {
		n := 0
		for _, f := range p.GoFiles {
			ast, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, f), nil, parser.ParseComments|parser.PackageClauseOnly)
			if err != nil {
				t.Fatal(err)
			}
			if ast.Doc != nil {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s has %d package comments", p.ImportPath, n)
		}
	}
}
