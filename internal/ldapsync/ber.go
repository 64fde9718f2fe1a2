package ldapsync

import (
	"errors"
	"fmt"
)

// The little of BER that our own reader understands (RFC 4511 5.1): definite
// lengths, and tags below 31. Every length is compared with what is there
// before it is used.

// Identifier octets of protocol operations (RFC 4511 4.2 and after).
const (
	opUnbind           = 0x42
	opSearchEntry      = 0x64
	opSearchReference  = 0x73
	opExtendedRequest  = 0x77
	opExtendedResponse = 0x78
)

const (
	tagInteger    = 0x02
	tagOctets     = 0x04
	tagEnumerated = 0x0a
	tagSequence   = 0x30
	tagSet        = 0x31
	tagControls   = 0xa0
)

// What one entry may hold.
const (
	maxAttributes = 1_000
	maxValues     = 1_000_000
)

var errBER = errors.New("malformed LDAP message")

func malformed(what string) error { return fmt.Errorf("%w: %s", errBER, what) }

// header reads a tag and a length. Known is false while bytes are missing.
func header(data []byte) (tag byte, head, length int, known bool, err error) {
	if len(data) < 2 {
		return 0, 0, 0, false, nil
	}
	tag = data[0]
	if tag&0x1f == 0x1f {
		return 0, 0, 0, false, malformed("a tag of several bytes")
	}
	first := data[1]
	if first < 0x80 {
		return tag, 2, int(first), true, nil
	}
	// Active Directory always writes four bytes, leading zeros included.
	octets := int(first & 0x7f)
	if octets == 0 || octets > 8 {
		return 0, 0, 0, false, malformed("an indefinite or absurd length")
	}
	if len(data) < 2+octets {
		return 0, 0, 0, false, nil
	}
	for _, one := range data[2 : 2+octets] {
		if length = length<<8 | int(one); length > maxMessage {
			return 0, 0, 0, false, malformed("a length beyond all bounds")
		}
	}
	return tag, 2 + octets, length, true, nil
}

// element takes one element off the front of data. Its tag must be the one
// that is wanted; 0 takes any.
func element(data []byte, want byte) (tag byte, content, rest []byte, err error) {
	tag, head, length, known, err := header(data)
	switch {
	case err != nil:
		return 0, nil, nil, err
	case !known || length > len(data)-head:
		return 0, nil, nil, malformed("an element is longer than what holds it")
	case want != 0 && tag != want:
		return 0, nil, nil, malformed(fmt.Sprintf("tag %#x where %#x belongs", tag, want))
	}
	return tag, data[head : head+length], data[head+length:], nil
}

// messageSize is how many bytes the message has that data begins with.
func messageSize(data []byte) (size int, known bool, err error) {
	if len(data) > 0 && data[0] != tagSequence {
		return 0, false, malformed("what came is no LDAP message")
	}
	_, head, length, known, err := header(data)
	return head + length, known, err
}

// message is an LDAPMessage (RFC 4511 4.1.1), taken apart as far as the wire
// needs it.
type message struct {
	id      int64
	op      byte
	content []byte
}

func readMessage(data []byte) (message, error) {
	_, content, rest, err := element(data, tagSequence)
	if err != nil {
		return message{}, err
	}
	if len(rest) > 0 {
		return message{}, malformed("bytes after a message")
	}
	_, number, content, err := element(content, tagInteger)
	if err != nil {
		return message{}, err
	}
	id, err := integer(number)
	if err != nil {
		return message{}, err
	}
	op, inner, controls, err := element(content, 0)
	if err != nil {
		return message{}, err
	}
	if len(controls) > 0 {
		if _, _, rest, err := element(controls, tagControls); err != nil {
			return message{}, err
		} else if len(rest) > 0 {
			return message{}, malformed("bytes after the controls")
		}
	}
	return message{id, op, inner}, nil
}

// integer reads a number from 0 to 2^31-1, as message ids and result codes are.
func integer(content []byte) (int64, error) {
	if len(content) < 1 || len(content) > 4 || content[0]&0x80 != 0 {
		return 0, malformed("a number out of bounds")
	}
	var value int64
	for _, one := range content {
		value = value<<8 | int64(one)
	}
	return value, nil
}

// resultCode reads the beginning of an LDAPResult (RFC 4511 4.1.9).
func resultCode(content []byte) (int64, error) {
	_, code, _, err := element(content, tagEnumerated)
	if err != nil {
		return 0, err
	}
	return integer(code)
}

// decoder decodes entries, each into the room of the one before.
type decoder struct {
	attributes []attribute
	values     [][]byte
}

// entry decodes the content of a SearchResultEntry (RFC 4511 4.5.2).
func (d *decoder) entry(content []byte) (entry, error) {
	d.attributes, d.values = d.attributes[:0], d.values[:0]
	_, dn, content, err := element(content, tagOctets)
	if err != nil {
		return entry{}, err
	}
	_, list, rest, err := element(content, tagSequence)
	if err != nil {
		return entry{}, err
	}
	if len(rest) > 0 {
		return entry{}, malformed("bytes after an entry")
	}
	for len(list) > 0 {
		var one, name, values []byte
		if _, one, list, err = element(list, tagSequence); err != nil {
			return entry{}, err
		}
		if _, name, one, err = element(one, tagOctets); err != nil {
			return entry{}, err
		}
		if _, values, rest, err = element(one, tagSet); err != nil {
			return entry{}, err
		}
		if len(rest) > 0 {
			return entry{}, malformed("bytes after an attribute")
		}
		first := len(d.values)
		for len(values) > 0 {
			var value []byte
			if _, value, values, err = element(values, tagOctets); err != nil {
				return entry{}, err
			}
			d.values = append(d.values, value)
		}
		if len(d.attributes) == maxAttributes || len(d.values) > maxValues {
			return entry{}, malformed("an entry with too much in it")
		}
		d.attributes = append(d.attributes, attribute{name, d.values[first:len(d.values):len(d.values)]})
	}
	return entry{dn, d.attributes}, nil
}
