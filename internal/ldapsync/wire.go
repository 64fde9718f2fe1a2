package ldapsync

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// wire is the connection below go-ldap. It cuts what the directory sends into
// messages and lets no message through that is not an answer to the request
// that was sent last. go-ldap keeps the rest: bind, controls, paging, results.
//
// In its fast form it also decodes search result entries itself and hands them
// on, so that go-ldap never sees them; docs/decisions/0016 says why. In the
// plain form they go up like everything else.
//
// Three goroutines meet here: the caller (expect, failed), and go-ldap's own
// writer and reader. Only one request is ever under way.
type wire struct {
	net.Conn
	plain bool

	// Of the reader alone.
	buffer     []byte
	start, end int    // of what was received and not yet taken
	up         []byte // of the message that go-ldap is reading, within buffer
	decoder    decoder

	mutex   sync.Mutex
	each    func(entry) error // takes entries; nil when none may come
	timeout time.Duration
	request int64 // id of the request under way, 0 for none
	reason  error // the first thing that went wrong
}

// maxMessage bounds, in bytes, one message: a group of half a million members
// whose names have 120 bytes.
const maxMessage = 64 << 20

// readAhead is, in bytes, how much is asked of the socket at once.
const readAhead = 64 << 10

func newWire(conn net.Conn, plain bool) *wire {
	return &wire{Conn: conn, plain: plain, buffer: make([]byte, readAhead)}
}

// expect is called before each request: entries go to each, and the last byte
// of the answer must be here before timeout has passed.
func (w *wire) expect(each func(entry) error, timeout time.Duration) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.each, w.timeout, w.request = each, timeout, 0
}

// failed is the first thing that went wrong on the connection, if anything did.
func (w *wire) failed() error {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.reason
}

func (w *wire) fail(err error) error {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.reason == nil {
		w.reason = err
	}
	return err
}

// Write sends one whole message, which is how go-ldap writes.
func (w *wire) Write(data []byte) (int, error) {
	message, err := readMessage(data)
	if err != nil {
		return 0, w.fail(err)
	}
	w.mutex.Lock()
	if message.op != opUnbind {
		w.request = message.id
	}
	timeout := w.timeout
	w.mutex.Unlock()
	if err := w.SetDeadline(time.Now().Add(timeout)); err != nil {
		return 0, w.fail(err)
	}
	n, err := w.Conn.Write(data)
	if err != nil {
		return n, w.fail(err)
	}
	return n, nil
}

// Read gives go-ldap the messages that are for it.
func (w *wire) Read(into []byte) (int, error) {
	for len(w.up) == 0 {
		data, err := w.next()
		if err != nil {
			return 0, w.fail(err)
		}
		if w.up, err = w.sort(data); err != nil {
			return 0, w.fail(err)
		}
	}
	n := copy(into, w.up)
	w.up = w.up[n:]
	return n, nil
}

// errUnasked is a message that answers nothing.
var errUnasked = errors.New("a message that answers no request of ours")

// sort looks at one message and returns it when it is for go-ldap.
func (w *wire) sort(data []byte) ([]byte, error) {
	message, err := readMessage(data)
	if err != nil {
		return nil, err
	}
	w.mutex.Lock()
	request, each := w.request, w.each
	w.mutex.Unlock()
	switch {
	case message.id == 0 && message.op == opExtendedResponse:
		// The notice of disconnection (RFC 4511 4.4.1) is the only one there is.
		return nil, &Fault{Code: Dropped, Sentence: "The directory said that it closes the connection."}
	case request == 0 || message.id != request:
		return nil, fmt.Errorf("%w: its id is %d, and %d was expected", errUnasked, message.id, request)
	case message.op == opSearchEntry && each == nil:
		return nil, fmt.Errorf("%w: an entry, where none was searched", errUnasked)
	case message.op == opSearchEntry && !w.plain:
		e, err := w.decoder.entry(message.content)
		if err != nil {
			return nil, err
		}
		return nil, each(e)
	case message.op == opSearchEntry, message.op == opSearchReference:
		return data, nil
	}
	// Whatever else ends the answer. Until the next request, silence is well.
	w.mutex.Lock()
	w.request = 0
	w.mutex.Unlock()
	return data, w.SetDeadline(time.Time{})
}

// next returns one whole message, within the buffer, good until the next call.
func (w *wire) next() ([]byte, error) {
	for {
		have := w.buffer[w.start:w.end]
		size, known, err := messageSize(have)
		if err != nil {
			return nil, err
		}
		if known && len(have) >= size {
			w.start += size
			return have[:size], nil
		}
		if err := w.receive(); err != nil {
			if errors.Is(err, io.EOF) && len(have) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
}

// receive makes room and takes what the socket has. The buffer grows with what
// has come, never with what a length claims.
func (w *wire) receive() error {
	if w.start == w.end {
		w.start, w.end = 0, 0
	}
	if w.end == len(w.buffer) {
		have := w.buffer[w.start:w.end]
		if len(have) > len(w.buffer)/2 {
			w.buffer = make([]byte, 2*len(w.buffer))
		}
		w.start, w.end = 0, copy(w.buffer, have)
	}
	n, err := w.Conn.Read(w.buffer[w.end:])
	w.end += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// askForTLS makes the StartTLS exchange (RFC 4511 4.14) on a fresh connection.
// Here and not in go-ldap, so that the wire always stands above TLS. Whatever
// follows the answer in the clear may come from anybody, and is refused.
func askForTLS(conn net.Conn) error {
	const oid = "1.3.6.1.4.1.1466.20037"
	request := append([]byte{0x30, 7 + byte(len(oid)), 0x02, 1, 1, opExtendedRequest, 2 + byte(len(oid)), 0x80, byte(len(oid))}, oid...)
	if _, err := conn.Write(request); err != nil {
		return err
	}
	// One byte at a time would be surest and needs no more care than this: an
	// answer of more than the buffer is none.
	var answer [4096]byte
	have := 0
	for {
		size, known, err := messageSize(answer[:have])
		if err != nil {
			return err
		}
		if known && size > len(answer) {
			return errors.New("an answer to StartTLS that is too long")
		}
		if known && have >= size {
			if have > size {
				return errors.New("data in the clear after the answer to StartTLS")
			}
			break
		}
		n, err := conn.Read(answer[have:])
		if have += n; n == 0 {
			if err == nil || errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
	message, err := readMessage(answer[:have])
	if err != nil {
		return err
	}
	if message.id != 1 || message.op != opExtendedResponse {
		return errUnasked
	}
	code, err := resultCode(message.content)
	if err != nil {
		return err
	}
	if code != 0 {
		return &Fault{Code: TLSFailed, Sentence: fmt.Sprintf("The directory refuses StartTLS with result code %d. Use ldaps, or set a certificate up there.", code)}
	}
	return nil
}
