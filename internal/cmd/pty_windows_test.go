package cmd

import (
	"errors"
	"os"
	"os/exec"
)

func startOnTerminal(*exec.Cmd) (*os.File, error) { return nil, errors.New("no terminals here") }
