package ldapsync

import "strings"

// entry is one search result entry as the reader hands it on. Its bytes belong
// to the reader and change after the call: whoever keeps any copies them.
type entry struct {
	dn         []byte
	attributes []attribute
}

type attribute struct {
	name   []byte
	values [][]byte
}

// named compares names of attributes, which are ASCII without regard to case
// (RFC 4512 2.5). Options, ";binary" among them, are part of the name, so an
// option that nobody asked for makes another attribute.
func (a attribute) named(name string) bool {
	if len(a.name) != len(name) {
		return false
	}
	return string(a.name) == name || strings.EqualFold(string(a.name), name)
}

// values are all of an attribute, nil when the entry has none.
func (e entry) values(name string) [][]byte {
	for _, one := range e.attributes {
		if one.named(name) {
			return one.values
		}
	}
	return nil
}

// first is the first value of an attribute that is not empty, nil for none.
func (e entry) first(name string) []byte {
	for _, value := range e.values(name) {
		if len(value) > 0 {
			return value
		}
	}
	return nil
}
