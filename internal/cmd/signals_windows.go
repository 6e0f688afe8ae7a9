package cmd

// ignoreTerminalStops does nothing: no signal stops a process here.
func ignoreTerminalStops() {}
