package main

import (
	"encoding/binary"
	"io"
	"net"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5/pgproto3"
)

// tap stands between the store and PostgreSQL and notes the statements that
// pass, so that the reference runs the very ones the product does.
type tap struct {
	listener net.Listener
	target   string
	mu       sync.Mutex
	noted    []statement
}

// statement is one that was run. Args are as they were on the wire; nil is NULL.
type statement struct {
	sql    string
	args   [][]byte
	binary []bool // by argument
}

func newTap(target string) (*tap, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	t := &tap{listener: l, target: target}
	go t.accept()
	return t, nil
}

func (t *tap) accept() {
	for {
		client, err := t.listener.Accept()
		if err != nil {
			return // closed
		}
		server, err := net.Dial("tcp", t.target)
		if err != nil {
			client.Close()
			continue
		}
		go func() {
			defer client.Close()
			io.Copy(client, server) // either side has ended
		}()
		go func() {
			defer server.Close()
			t.forward(server, client) // likewise
		}()
	}
}

// forward passes on what the client says, message by message.
func (t *tap) forward(server io.Writer, client io.Reader) error {
	prepared := map[string]string{}
	if _, _, err := passMessage(server, client, false); err != nil { // the start-up has no kind
		return err
	}
	for {
		kind, payload, err := passMessage(server, client, true)
		if err != nil {
			return err
		}
		if err := t.note(kind, payload, prepared); err != nil {
			return err
		}
	}
}

func passMessage(server io.Writer, client io.Reader, hasKind bool) (kind byte, payload []byte, err error) {
	head := make([]byte, 5)
	if !hasKind {
		head = head[1:]
	}
	if _, err := io.ReadFull(client, head); err != nil {
		return 0, nil, err
	}
	payload = make([]byte, binary.BigEndian.Uint32(head[len(head)-4:])-4)
	if _, err := io.ReadFull(client, payload); err != nil {
		return 0, nil, err
	}
	_, err = server.Write(append(head, payload...))
	return head[0], payload, err
}

func (t *tap) note(kind byte, payload []byte, prepared map[string]string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch kind {
	case 'Q':
		var m pgproto3.Query
		if err := m.Decode(payload); err != nil {
			return err
		}
		t.noted = append(t.noted, statement{sql: m.String})
	case 'P':
		var m pgproto3.Parse
		if err := m.Decode(payload); err != nil {
			return err
		}
		prepared[m.Name] = m.Query
	case 'B':
		var m pgproto3.Bind
		if err := m.Decode(payload); err != nil {
			return err
		}
		s := statement{sql: prepared[m.PreparedStatement]}
		for i, arg := range m.Parameters {
			format := int16(0)
			switch len(m.ParameterFormatCodes) {
			case 0:
			case 1:
				format = m.ParameterFormatCodes[0]
			default:
				format = m.ParameterFormatCodes[i]
			}
			s.args = append(s.args, slices.Clone(arg)) // nil stays nil
			s.binary = append(s.binary, format == 1)
		}
		t.noted = append(t.noted, s)
	}
	return nil
}

// take is what passed since the last call.
func (t *tap) take() []statement {
	t.mu.Lock()
	defer t.mu.Unlock()
	noted := t.noted
	t.noted = nil
	return noted
}

func (t *tap) close() { t.listener.Close() }
