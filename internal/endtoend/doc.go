// Package endtoend contains only tests. They run the program as its users do, and check what
// users see: events, exit codes, and the bytes of files.
//
// Most tests run in networks of internal/natlab, which need Linux and root. Without them they
// skip, or fail if the environment has CI=true. Other tests run on loopback, on any system.
// Some run the packages without the commands in virtual time.
//
// P2PTOOL_FULL=1 runs the tests with the promised file sizes and repetitions; by default both
// are smaller. P2PTOOL_BINARY names a program to test instead of the one built from this tree.
package endtoend
