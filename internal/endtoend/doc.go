// Package endtoend holds tests alone: they run the program itself, as its users
// do, and assert what its users see: events, exit codes, and the bytes of files.
//
// Most run inside the networks of internal/natlab, which need Linux and
// root; where that is missing they skip, but fail where CI is "true" in the environment.
// The others run on loopback, anywhere, and some run all but the commands in
// virtual time.
//
// P2PTOOL_FULL=1 makes files as large, and repetitions as many, as the promises name;
// otherwise there is less of the same. P2PTOOL_BINARY names a program to test in
// place of the one that is built from this tree.
package endtoend
