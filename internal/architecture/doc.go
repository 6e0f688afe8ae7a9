// Package architecture has no code. Its tests hold the direction of imports,
// as docs/architecture.md draws it, and that every package says what it is.
package architecture
