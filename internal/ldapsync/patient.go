package ldapsync

import (
	"net"
	"time"
)

// patient is a connection that, when little has come, waits a moment before it
// asks again. Directories write each entry by itself; whoever reads as fast as
// they write is woken for each, and the waking takes longer than the reading.
// Nothing is lost meanwhile: the operating system keeps what comes.
//
// It stands below TLS, and reads ahead for it: TLS alone asks for a record's
// five first bytes and then for the rest.
type patient struct {
	net.Conn
	room       []byte
	start, end int
	little     bool // the last reading brought little
}

const (
	patience = 300 * time.Microsecond
	much     = readAhead / 4
)

func newPatient(conn net.Conn) *patient { return &patient{Conn: conn} }

func (p *patient) Read(into []byte) (int, error) {
	if p.start < p.end {
		n := copy(into, p.room[p.start:p.end])
		p.start += n
		return n, nil
	}
	if p.little {
		time.Sleep(patience)
	}
	if len(into) >= much {
		n, err := p.Conn.Read(into)
		p.little = n < much
		return n, err
	}
	if p.room == nil {
		p.room = make([]byte, readAhead)
	}
	n, err := p.Conn.Read(p.room)
	p.little = n < much
	p.start, p.end = copy(into, p.room[:n]), n
	return p.start, err
}
