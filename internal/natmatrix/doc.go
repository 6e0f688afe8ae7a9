// Package natmatrix only has tests: peers and a server, in virtual time, behind every pair of
// NAT kinds of internal/netsim. They check which path each pair gets and how fast, and that the
// table and the picture of docs/nat.md match:
//
//	go test ./internal/natmatrix                  a few trials of every pair
//	P2PTOOL_FULL=1 go test ./internal/natmatrix   as many as in docs/nat.md
//	P2PTOOL_FULL=1 go test ./internal/natmatrix -update
//
// The last command writes the table and the picture.
package natmatrix
