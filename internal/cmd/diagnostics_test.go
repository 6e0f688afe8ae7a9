package cmd

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"p2ptool/p2p"
)

// Files of links are for their owner only, each has a name of its own, and there are not too many.
func TestQlogFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	var stderr bytes.Buffer
	p := &program{
		env: Env{Getenv: func(name string) string { return map[string]string{envQlog: dir}[name] }},
		out: &printer{err: &stderr},
	}
	d, err := p.diagnostics()
	if err != nil {
		t.Fatal(err)
	}
	made := 0
	for range maxLogs + 10 {
		if w := d.Trace(p2p.LinkInfo{}); w != nil {
			made++
			w.Close()
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != maxLogs || made != maxLogs {
		t.Errorf("%d files, %d logs: %v", len(files), made, err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil || filepath.Ext(f.Name()) != ".sqlog" || runtime.GOOS != "windows" && info.Mode() != 0o600 {
			t.Fatalf("%s: %v, %v", f.Name(), info.Mode(), err)
		}
	}
	if n := strings.Count(stderr.String(), "\n"); n != 1 {
		t.Errorf("it printed %q", stderr.String())
	}
	if d.Path != nil || d.Rendezvous != nil {
		t.Error("it logs what nobody asked for")
	}
}
