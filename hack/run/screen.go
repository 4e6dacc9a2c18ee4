package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// eraseLine moves to the line's begin and deletes it.
const eraseLine = "\r\x1b[K"

// screen prints for a person. On a terminal a step that takes long shows for how long already; elsewhere, in a log
// of CI say, every line is printed once and stays.
type screen struct {
	out  io.Writer
	live bool

	mu sync.Mutex
}

func newScreen(out io.Writer) *screen {
	f, ok := out.(*os.File)
	live := ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
	return &screen{out: out, live: live}
}

// say prints text. That nobody can read it is no reason to stop.
func say(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }

// printf prints text between the steps' own.
func (s *screen) printf(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	say(s.out, format, args...)
}

// step says that something begins, and returns what says how it ended and how long it took. done is the word for
// a good end.
func (s *screen) step(name, done string) func(error) {
	began := time.Now()
	if !s.live {
		s.printf("  %s ...\n", name)
		return func(err error) { s.printf("  %s %s\n", name, outcome(done, err, began)) }
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		s.count(name, began, stop)
	}()
	return func(err error) {
		close(stop)
		<-stopped
		s.printf(eraseLine+"  %s %s\n", name, outcome(done, err, began))
	}
}

// count shows the seconds of a step until it ends.
func (s *screen) count(name string, began time.Time, stop <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	s.printf("  %s ...", name)
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			s.printf(eraseLine+"  %s ... %d s", name, int(time.Since(began).Seconds()))
		}
	}
}

func outcome(done string, err error, began time.Time) string {
	switch {
	case errors.Is(err, context.Canceled):
		done = "interrupted"
	case err != nil:
		done = "failed"
	}
	return fmt.Sprintf("%s (%.1f s)", done, time.Since(began).Seconds())
}
