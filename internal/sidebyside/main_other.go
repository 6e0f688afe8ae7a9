//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "sidebyside: needs Linux: it plays networks in its namespaces")
	os.Exit(2)
}
