// Package filelock locks files between processes. A lock ends when the file is
// closed, at the latest with its process.
package filelock
