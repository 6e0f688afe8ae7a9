package terminal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// maxAnswer is how many bytes of an answer are read.
const maxAnswer = 256

// Ask writes a question to out, reads a line from in, and returns whether it is "y" or "yes".
// If in is not a terminal, the answer is no and nothing is written or read. Input typed before
// the question is discarded. The question must not contain control characters.
//
// The error is the context's or that of reading; the answer is then no.
func Ask(ctx context.Context, in *os.File, out io.Writer, question string) (bool, error) {
	if !IsTerminal(in) {
		return false, nil
	}
	if err := discardInput(in); err != nil {
		return false, err
	}
	fmt.Fprintf(out, "%s [y/N] ", question)
	line, err := readAnswer(ctx, in)
	if err != nil {
		fmt.Fprintln(out)
		return false, err
	}
	yes, _ := yesOrNo(line)
	return yes, nil
}

// readAnswer reads a line. On systems that cannot interrupt a Read, it stays blocked after the
// context ends and consumes the next line.
func readAnswer(ctx context.Context, f *os.File) (string, error) {
	in, err := newInput(f)
	if err != nil {
		return "", err
	}
	type answer struct {
		line string
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		line, err := readLine(in)
		answers <- answer{line, err}
	}()
	select {
	case a := <-answers:
		in.close()
		return a.line, a.err
	case <-ctx.Done():
		if in.cancel() {
			<-answers
			in.close()
		}
		return "", ctx.Err()
	}
}

// readLine reads a line and returns the beginning of it.
func readLine(r io.Reader) (string, error) {
	var line, buf []byte
	for buf = make([]byte, maxAnswer); ; {
		n, err := r.Read(buf)
		got, _, end := bytes.Cut(buf[:n], []byte("\n"))
		line = append(line, got[:min(len(got), maxAnswer-len(line))]...)
		switch {
		case end:
			return string(line), nil
		case errors.Is(err, io.EOF) || err == nil && n == 0:
			return "", io.EOF
		case err != nil:
			return "", err
		}
	}
}
