package cmd

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// testProgram returns a program whose streams go nowhere.
func testProgram() *program {
	return newProgram(Env{
		Args: []string{"p2ptool"}, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Getenv: func(string) string { return "" },
		Exit:   func(int) {},
	})
}

func TestArrange(t *testing.T) {
	t.Parallel()
	tests := []struct{ line, want string }{
		{"send file --to bob", "send --to=bob -- file"},
		{"send --to bob file", "send --to=bob -- file"},
		{"send a --to bob b --to carol c", "send --to=bob --to=carol -- a b c"},
		{"send file -to bob", "send -to=bob -- file"},
		{"send file --to=bob", "send --to=bob -- file"},
		{"--json send file --to bob", "send --json --to=bob -- file"},
		{"--config c.toml id", "id --config=c.toml"},
		{"id --config c.toml", "id --config=c.toml"},
		{"send - --name x --to bob", "send --name=x --to=bob -- -"},
		{"send --to bob -- --odd -x", "send --to=bob -- --odd -x"},
		{"send --to bob -- -- x", "send --to=bob -- -- x"},
		{"send --name --to --to bob f", "send --name=--to --to=bob -- f"},
		{"send --to bob help", "send --to=bob -- help"},
		{"send server --server h:1 --to bob", "send --server=h:1 --to=bob -- server"},
		{"receive -y", "receive -y"},
		{"receive --yes=false --once", "receive --yes=false --once"},
		{"receive -yh", "receive -y -h"},
		{"ping bob -n3", "ping -n=3 -- bob"},
		{"ping bob -n=3", "ping -n=3 -- bob"},
		{"ping bob -hn 3", "ping -h -n=3 -- bob"},
		{"ping bob -hn3", "ping -h -n=3 -- bob"},
		{"", "run"},
		{"--json", "run --json"},
		{"--help", "--help"},
		{"-h", "-h"},
		{"help", "--help"},
		{"help send", "send --help"},
		{"send --help", "send --help"},
	}
	for _, tt := range tests {
		got, err := arrange(testProgram().app(), strings.Fields("p2ptool "+tt.line))
		if err != nil || strings.Join(got[1:], " ") != tt.want {
			t.Errorf("%q: got %q, %v, want %q", tt.line, got, err, tt.want)
		}
	}
}

func TestArrangeErrors(t *testing.T) {
	t.Parallel()
	tests := []struct{ line, err, hint string }{
		{"snd x", `unknown command "snd"`, `did you mean "send"?`},
		{"frobnicate", `unknown command "frobnicate"`, "`p2ptool --help` lists them"},
		{"send x --tp y", `unknown flag "--tp" for send`, `did you mean "--to"?`},
		{"--to bob send x", `unknown flag "--to" before a command`, "`p2ptool --help` lists them"},
		{"send x --to", `flag "--to" needs a value`, ""},
		{"receive -yx", `unknown flag "-yx" for receive`, `did you mean "-y"?`},
		{"ping bob -yn", `unknown flag "-yn" for ping`, `did you mean "-n"?`},
	}
	for _, tt := range tests {
		_, err := arrange(testProgram().app(), strings.Fields("p2ptool "+tt.line))
		if err == nil || err.Error() != tt.err || hintOf(err) != tt.hint {
			t.Errorf("%q: got %v, hint %q, want %s, %q", tt.line, err, hintOf(err), tt.err, tt.hint)
		}
		if c := codeOf(err); c.status != 2 {
			t.Errorf("%q: code %v", tt.line, c)
		}
	}
}

// Arranging twice changes nothing, and arguments keep their order and number.
func FuzzArrange(f *testing.F) {
	for _, line := range []string{"send a --to b c", "--json ping x -n3", "send -- -- -", "receive -yh=", "help -- x", "= -= --=", "- -"} {
		f.Add(line)
	}
	app := testProgram().app()
	f.Fuzz(func(t *testing.T, line string) {
		args := append([]string{"p2ptool"}, strings.Split(line, " ")...)
		once, err := arrange(app, slices.Clone(args))
		if err != nil {
			return
		}
		twice, err := arrange(app, slices.Clone(once))
		if err != nil || !slices.Equal(once, twice) {
			t.Errorf("%q: once %q, twice %q, %v", args, once, twice, err)
		}
		if i := slices.Index(once, "--"); i >= 0 && !subsequence(once[i+1:], args) {
			t.Errorf("%q: arguments %q", args, once[i+1:])
		}
	})
}

// subsequence reports whether whole contains all of part in the same order.
func subsequence(part, whole []string) bool {
	for _, w := range whole {
		if len(part) > 0 && part[0] == w {
			part = part[1:]
		}
	}
	return len(part) == 0
}
