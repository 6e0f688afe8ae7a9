package script

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestLoad(t *testing.T) {
	t.Parallel()
	steps, err := Load(filepath.Join("testdata", "greeting.toml"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range steps {
		got = append(got, s.String())
	}
	want := `expect = "^hello (\\w+)$"|say = "hello yourself"|send = "notes.txt"|` +
		`receive = "report-*.csv"|sleep = "1.5s"|run = "wc -l"|quit = true`
	if strings.Join(got, "|") != want {
		t.Errorf("steps are %s", strings.Join(got, "|"))
	}
	var timeouts []time.Duration
	for _, s := range steps {
		timeouts = append(timeouts, s.timeout())
	}
	for i, want := range []time.Duration{10 * time.Second, DefaultTimeout, 5 * time.Minute, 0, 0, 3 * time.Second, 0} {
		if timeouts[i] != want {
			t.Errorf("timeout of step %d is %s, want %s", i+1, timeouts[i], want)
		}
	}
	if err := Validate(steps, Options{}); err == nil || !strings.Contains(err.Error(), "greeting.toml:20: step 6 (run = \"wc -l\")") {
		t.Errorf("commands not allowed: %v", err)
	}
}

func TestLoadErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"", "no [[script]]"},
		{"[[script]]\nsay = \"x\"\n[[script]]\nsayy = \"y\"\n", `s.toml:3: step 2: unknown key "sayy", use one of say, expect, send, receive, sleep, run, quit, and timeout`},
		{"say = \"x\"\n", `unknown key "say"`},
		{"[[script]]\n\n[[script]]\nquit = true\n", "s.toml:1: step 1 (nothing): has no action"},
		{"[[script]]\nquit = true\n[[script]]\nsay = \"x\"\nsend = \"y\"\n", "s.toml:3: step 2 (say = \"x\"): has 2 actions"},
		{"[[script]]\nexpect = \"(\"\n", "missing closing )"},
		{"[[script]]\nreceive = \"[\"\n", "not a valid file name pattern"},
		{"[[script]]\nsend = \"\"\n", "must not be empty"},
		{"[[script]]\nrun = \"\"\n", "must not be empty"},
		{"[[script]]\nsleep = 5\n", "s.toml:1: step 1: "},
		{"[[script]]\nsleep = \"5\"\n", "is not a duration"},
		{"[[script]]\nsleep = \"-5s\"\n", "is not a duration"},
		{"[[script]]\nsay = \"x\"\ntimeout = \"soon\"\n", "s.toml:1: step 1: timeout: \"soon\" is not a duration"},
		{"[[script]]\nsleep = \"5s\"\ntimeout = \"4s\"\n", "the timeout of 4s is shorter"},
		{"[[script]]\nsay = 5\n[[script]]\nsay = \"x\"\n", "s.toml:1: step 1: say: wrong type, use text in quotes"},
		{"script = [{say = \"x\"}, {quit = 1}]\n", "s.toml: step 2: quit: wrong type, use true or false"},
		{"[[script]]\nsleep = \"x\"\ntimeout = \"y\"\n[[script]]\nsleep = \"z\"\n[[script]]\n",
			"timeout: \"y\" is not a duration such as \"1.5s\" or \"2m\"\n"},
		{"[[script]]\nsleep = \"x\"\ntimeout = \"y\"\n[[script]]\nsleep = \"z\"\n[[script]]\n",
			"s.toml:6: step 3 (nothing): has no action"},
		{"[[script]\n", "s.toml:2: expected end"},
		{"[[script]]\nsay = \"" + strings.Repeat("x", maxFile) + "\"\n", "larger than 1048576 bytes"},
	} {
		dir := t.TempDir()
		file := filepath.Join(dir, "s.toml")
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		steps, err := Load(file)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60q: %v, %v; want %q", c.text, steps, err, c.want)
		} else if !strings.Contains(err.Error(), file) {
			t.Errorf("%.60q: the error does not name the file: %v", c.text, err)
		}
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none.toml")); !os.IsNotExist(err) {
		t.Errorf("missing file: %v", err)
	}
}

// Steps written in another form have no place instead of a wrong one.
func TestLocate(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"[[script]]\nsay = \"x\"\n":                          "f:1: step 1",
		"\n [[ script ]] # here\nsay = \"x\"\n":              "f:2: step 1",
		"script = [{say = \"x\"}]\n":                         "step 1",
		"[[script]]\nsay = '''\n[[script]]\n'''\n":           "step 1",
		"# [[script]]\n[[script]]\nsay = \"[[script]]\"\n\n": "f:2: step 1",
	} {
		steps, err := Parse("f", []byte(text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := (&StepError{1, steps[0], os.ErrInvalid}).Error(); !strings.HasPrefix(got, want+" (") {
			t.Errorf("%q: %s", text, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("[[script]]\nsay = \"x\"\ntimeout = \"1s\"\n"))
	f.Add([]byte("[[script]]\nquit = true\n[[script]]\nsleep = \"1ms\"\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		steps, err := Parse("f", data)
		if err != nil {
			return
		}
		if len(steps) == 0 {
			t.Error("neither steps nor an error")
		}
		for _, s := range steps {
			if valid := s.validate(Options{Commands: true}) == nil; valid && s.Kind() == "" {
				t.Errorf("%v is valid and does nothing", s)
			}
		}
	})
}
