package web_test

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// nameServer is a small DNS server on loopback. It answers as the tests want, also differently each time.
type nameServer struct {
	conn net.PacketConn

	mu sync.Mutex
	// answers of a name, one list for each time it is asked for; the last one stays.
	answers map[string][][]string
	asked   map[string]int
}

// startNameServer starts a server that knows no name.
func startNameServer(t *testing.T) *nameServer {
	t.Helper()
	conn, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &nameServer{conn: conn, answers: map[string][][]string{}, asked: map[string]int{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buffer := make([]byte, 4096)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			if reply := s.reply(buffer[:n]); reply != nil {
				_, _ = conn.WriteTo(reply, from)
			}
		}
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	return s
}

// resolver asks this server alone.
func (s *nameServer) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", s.conn.LocalAddr().String())
	}}
}

// set gives a name addresses, or another name: one list for each time that it is asked for.
func (s *nameServer) set(name string, answers ...[]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[strings.ToLower(strings.TrimSuffix(name, "."))] = answers
}

// reply answers one question.
func (s *nameServer) reply(query []byte) []byte {
	var parser dnsmessage.Parser
	header, err := parser.Start(query)
	if err != nil {
		return nil
	}
	question, err := parser.Question()
	if err != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	header.Response, header.RecursionAvailable = true, true
	message := dnsmessage.Message{Header: header, Questions: []dnsmessage.Question{question}}
	name := strings.ToLower(strings.TrimSuffix(question.Name.String(), "."))
	if _, ok := s.answers[name]; !ok {
		message.RCode = dnsmessage.RCodeNameError
	} else {
		message.Answers = s.resources(question.Name, name, question.Type)
	}
	packed, err := message.Pack()
	if err != nil {
		return nil
	}
	return packed
}

// resources are the answers of a name that are of a type, and those of the names that it leads to.
func (s *nameServer) resources(owner dnsmessage.Name, name string, kind dnsmessage.Type) []dnsmessage.Resource {
	lists := s.answers[name]
	if len(lists) == 0 {
		return nil
	}
	// The two types are asked for at the same time: each has its own count.
	turn := s.asked[kind.String()+name]
	s.asked[kind.String()+name]++
	var resources []dnsmessage.Resource
	for _, answer := range lists[min(turn, len(lists)-1)] {
		header := dnsmessage.ResourceHeader{Name: owner, Class: dnsmessage.ClassINET}
		ip, err := netip.ParseAddr(answer)
		switch {
		case err != nil:
			target := dnsmessage.MustNewName(answer + ".")
			resources = append(resources, dnsmessage.Resource{Header: header, Body: &dnsmessage.CNAMEResource{CNAME: target}})
			resources = append(resources, s.resources(target, strings.ToLower(answer), kind)...)
		case ip.Is4() && kind == dnsmessage.TypeA:
			resources = append(resources, dnsmessage.Resource{Header: header, Body: &dnsmessage.AResource{A: ip.As4()}})
		case ip.Is6() && kind == dnsmessage.TypeAAAA:
			resources = append(resources, dnsmessage.Resource{Header: header, Body: &dnsmessage.AAAAResource{AAAA: ip.As16()}})
		}
	}
	return resources
}
