package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestOwnTurns plays the scenarios that need no other program.
func TestOwnTurns(t *testing.T) {
	var stdout, stderr bytes.Buffer
	err := run(t.Context(), []string{"-scenario", "loopback,small-files,queue-200", "-tool", "p2ptool,p2ptool chat",
		"-size", "1M", "-path-size", "256K", "-files", "50", "-runs", "2", "-limit", "60s", "-dir", t.TempDir()}, &stdout, &stderr)
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	want := []string{"(loopback;", "(small-files;", "| loopback | 1 MB/s | "}
	if os.Geteuid() == 0 || os.Getenv("CI") == "true" {
		want = append(want, "(queue-200;", "| p2ptool chat |", "round trip of a chat line")
	}
	for _, w := range want {
		if !strings.Contains(stdout.String(), w) {
			t.Errorf("the tables lack %q", w)
		}
	}
	if strings.Contains(stdout.String(), "not done") {
		t.Error("a transfer was not complete in time")
	}
	if t.Failed() {
		t.Logf("%s%s", &stdout, &stderr)
	}
}

func TestUsage(t *testing.T) {
	for args, want := range map[string]string{
		"-scenario nowhere": `"nowhere" is unknown`,
		"-tool pigeon":      `"pigeon" is unknown`,
		"-size much":        `"much" is not a size`,
		"-runs 0":           "-runs",
		"203.0.113.1":       `unexpected argument "203.0.113.1"`,
	} {
		var stdout, stderr bytes.Buffer
		err := run(t.Context(), strings.Fields(args), &stdout, &stderr)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", args, err, want)
		}
	}
}

func TestList(t *testing.T) {
	var stdout bytes.Buffer
	if err := run(t.Context(), []string{"-list", "-dir", t.TempDir()}, &stdout, &stdout); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"loss-50", "beside-bbr", "wormhole"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("the list lacks %q:\n%s", want, &stdout)
		}
	}
}
