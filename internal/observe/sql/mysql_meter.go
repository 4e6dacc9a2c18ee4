package sql

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"net"
	"sync"
)

// meter counts what a server sends, so that a row larger than a whole read may be is not taken in to its end: the driver
// has no limit of its own. It keeps the first error of the network too, which the driver does not.
type meter struct {
	net.Conn
	limit int64

	// greeted is whether the server has sent its greeting, of which pending is not handed on yet.
	greeted bool
	pending []byte

	mu   sync.Mutex
	left int64
	err  error
}

// errRowTooLarge is the error of a server that sends more at once than it may.
var errRowTooLarge = errors.New("the row is too large")

// connect begins counting what comes over a connection.
func (m *meter) connect(conn net.Conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Conn, m.left = conn, m.limit
}

// reset gives the server as much as one row may have.
func (m *meter) reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.left = m.limit
}

// abort closes the connection, so that the driver does not wait for what is still to come.
func (m *meter) abort() {
	m.mu.Lock()
	conn := m.Conn
	m.mu.Unlock()
	if conn != nil {
		_ = conn.Close()
	}
}

// failure returns the first error of the connection.
func (m *meter) failure() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.err
}

// Read implements net.Conn.
func (m *meter) Read(b []byte) (int, error) {
	if !m.greeted {
		m.greeted = true
		var err error
		if m.pending, err = readGreeting(m.Conn); err != nil {
			m.fail(err)
			return 0, err
		}
	}
	if len(m.pending) > 0 {
		n := copy(b, m.pending)
		m.pending = m.pending[n:]
		return n, nil
	}
	if left := m.remaining(); int64(len(b)) > left {
		b = b[:left+1]
	}
	n, err := m.Conn.Read(b)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.left -= int64(n); m.left < 0 {
		m.left, err = 0, errRowTooLarge
	}
	m.err = cmp.Or(m.err, err)
	return n, err
}

// remaining returns how much the server may still send.
func (m *meter) remaining() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.left
}

// Write implements net.Conn: what the server sends after it is an answer to something new.
func (m *meter) Write(b []byte) (int, error) {
	m.reset()
	n, err := m.Conn.Write(b)
	m.fail(err)
	return n, err
}

// fail keeps the first error.
func (m *meter) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = cmp.Or(m.err, err)
}

// readGreeting reads the first packet of a server. The driver waits for as much as the first bytes of whatever answers
// would mean, and trusts a greeting to have all its fields.
func readGreeting(conn io.Reader) ([]byte, error) {
	packet := make([]byte, 4, 4+maxGreeting)
	if _, err := io.ReadFull(conn, packet); err != nil {
		return nil, err
	}
	length := int(packet[0]) | int(packet[1])<<8 | int(packet[2])<<16
	if length > maxGreeting || packet[3] != 0 {
		return nil, errNonsense
	}
	packet = packet[:4+length]
	if _, err := io.ReadFull(conn, packet[4:]); err != nil {
		return nil, err
	}
	if !isGreeting(packet[4:]) {
		return nil, errNonsense
	}
	return packet, nil
}

const (
	// maxGreeting is much more than a greeting, or an error in its place, has.
	maxGreeting = 4 << 10
	// shortGreeting is what follows the version in a greeting of before 4.1, longGreeting in one of today.
	shortGreeting = 4 + 8 + 1 + 2
	longGreeting  = shortGreeting + 1 + 2 + 2 + 1 + 10 + 13
)

// isGreeting reports whether a packet is a greeting of protocol version 10, or an error.
func isGreeting(packet []byte) bool {
	switch {
	case len(packet) < 4:
		return false
	case packet[0] == 0xff:
		return packet[3] != '#' || len(packet) >= 9
	case packet[0] != 10:
		return false
	}
	_, rest, ended := bytes.Cut(packet[1:], []byte{0})
	return ended && (len(rest) == shortGreeting || len(rest) >= longGreeting)
}
