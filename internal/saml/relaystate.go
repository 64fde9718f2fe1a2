package saml

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// maxPath bounds a path that a login may land on, in bytes.
const maxPath = 2048

// SafePath is value if a browser that is redirected to it stays on this
// service, whatever host it runs on; otherwise it is "" and false (M22).
//
// It takes printable ASCII only and refuses everything on which two readers of
// URLs are known to disagree: a second slash, a backslash (browsers read it as
// a slash), control characters and white space (browsers drop them), dot
// segments, which move slashes to the front ("/.//host"), and encoded forms of
// all of these in the path, twice encoded ones too, since a proxy may decode it
// first.
func SafePath(value string) (string, bool) {
	if len(value) > maxPath || !strings.HasPrefix(value, "/") {
		return "", false
	}
	for i := range len(value) {
		if c := value[i]; c <= ' ' || c >= 0x7f || c == '\\' {
			return "", false
		}
	}
	if _, err := url.Parse(value); err != nil {
		return "", false
	}
	path, rest := value, ""
	if i := strings.IndexAny(value, "?#"); i >= 0 {
		path, rest = value[:i], value[i:]
	}
	for i, segment := range strings.Split(path[1:], "/") {
		last := i == strings.Count(path, "/")-1
		if segment == "" && !last || !isPlainSegment(segment) {
			return "", false
		}
	}
	if text, err := url.PathUnescape(rest); err != nil || strings.ContainsFunc(text, isControl) {
		return "", false
	}
	return value, true
}

func isPlainSegment(segment string) bool {
	text, err := url.PathUnescape(segment)
	if err != nil || text == "." || text == ".." || !utf8.ValidString(text) {
		return false
	}
	return !strings.ContainsAny(text, `/\%`) && !strings.ContainsFunc(text, isControl)
}

func isControl(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }

// Land is the path on this service where a login that the provider started
// ends, for the RelayState it sent (M22): the record's landing page when that
// is the record's own RelayState value, else the path itself when it is a safe
// one, else the front page. s has passed Check.
func (s Settings) Land(relayState string) string {
	if relayState != "" && relayState == s.RelayState && s.Landing != "" {
		return s.Landing
	}
	if path, ok := SafePath(relayState); ok {
		return path
	}
	return "/"
}
