// Package natmatrix holds tests alone: whole peers and a server, in virtual
// time, behind every pair of NAT kinds that internal/netsim has. They assert by
// which path each pair meets and how soon, and hold the table and the picture of
// docs/nat.md to what is measured:
//
//	go test ./internal/natmatrix                  a few runs of every pair
//	P2PTOOL_FULL=1 go test ./internal/natmatrix   as many as the documents tell of
//	P2PTOOL_FULL=1 go test ./internal/natmatrix -update
//
// The last one writes the table and the picture anew.
package natmatrix
