// Command picture draws the packages of this repository as an SVG image: a box for
// each, below all packages that import it, with its purpose from the package comment,
// its size without tests, and in how many places it starts a goroutine.
//
//	go run ./internal/architecture/picture > docs/architecture.svg
//
// It reads the working tree that it is run in, and nothing else.
package main

import (
	"bufio"
	"fmt"
	"os"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "picture:", err)
		os.Exit(1)
	}
}

func run() error {
	packages, err := readPackages(".")
	if err != nil {
		return err
	}
	w := bufio.NewWriter(os.Stdout)
	draw(w, arrange(packages))
	return w.Flush()
}
