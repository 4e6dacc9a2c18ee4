package process

import (
	"fmt"
	"io"
	"os"
	"strings"
)

const (
	tailLines  = 12
	tailBytes  = 16 << 10
	lineLength = 400 // characters; some programs print whole objects
)

// logTail is the part of an error message that shows where a log ends. It is never the reason for another error:
// a log that cannot be read is said to be so.
func (p *Process) logTail() string {
	lines, err := lastLines(p.spec.LogFile, tailLines)
	switch {
	case err != nil:
		return fmt.Sprintf("; its log cannot be read: %v", err)
	case len(lines) == 0:
		return fmt.Sprintf("; it printed nothing (%s)", p.spec.LogFile)
	}
	return fmt.Sprintf("; its log %s ends with:\n  %s", p.spec.LogFile, strings.Join(lines, "\n  "))
}

// lastLines returns the last lines of a file that are not empty, at most n, without reading all of a large one.
func lastLines(path string, n int) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()

	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	from := max(0, info.Size()-tailBytes)
	data, err := io.ReadAll(io.NewSectionReader(f, from, tailBytes))
	if err != nil {
		return nil, err
	}
	all := strings.FieldsFunc(string(data), func(r rune) bool { return r == '\n' || r == '\r' })
	if from > 0 && len(all) > 1 {
		all = all[1:] // most likely cut in the middle
	}
	last := all[max(0, len(all)-n):]
	for i, line := range last {
		last[i] = shorten(line)
	}
	return last, nil
}

func shorten(line string) string {
	characters := []rune(line)
	if len(characters) <= lineLength {
		return line
	}
	return string(characters[:lineLength]) + " ..."
}
