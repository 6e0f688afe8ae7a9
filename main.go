// Command p2ptool lets peers find each other by GUID, punch through the NATs
// between them, and chat or transfer files. See README.md.
package main

import (
	_ "embed"
	"os"

	"p2ptool/internal/cmd"
)

//go:embed config.example.toml
var example string

func main() {
	os.Exit(cmd.Main(cmd.Env{
		Args:    os.Args,
		Stdin:   os.Stdin,
		Stdout:  os.Stdout,
		Stderr:  os.Stderr,
		Getenv:  os.Getenv,
		Exit:    os.Exit,
		Example: example,
	}))
}
