package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// TestPictureIsCurrent holds that the picture in docs has the packages that there are.
func TestPictureIsCurrent(t *testing.T) {
	packages, err := readPackages("../../..")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	draw(&b, arrange(packages))
	shown, err := os.ReadFile("../../../docs/architecture.svg")
	if err != nil {
		t.Fatal(err)
	}
	want, got := names(b.String()), names(string(shown))
	if want != got {
		t.Errorf("docs/architecture.svg is out of date: go run ./internal/architecture/picture > docs/architecture.svg\nit has:\n%s\nthere are:\n%s", got, want)
	}
}

// names returns the packages of a picture, a line each.
func names(svg string) string {
	var b strings.Builder
	for line := range strings.Lines(svg) {
		if _, name, ok := strings.Cut(line, `class="name"`); ok {
			_, name, _ = strings.Cut(name, ">")
			name, _, _ = strings.Cut(name, "<")
			b.WriteString(name + "\n")
		}
	}
	return b.String()
}

func TestWrap(t *testing.T) {
	got := strings.Join(wrap("one two three four five six", 9, 2), "|")
	if got != "one two|three …" && got != "one two|three four …" {
		t.Errorf("%q", got)
	}
}
