package api

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// What can be edited has an ETag (RFC 9110, 8.8.3): of a record and its rules the
// version, of anything else a digest of what is shown. Who changes it says in
// If-Match what they have seen, so that nobody's edit is lost.

// Seen is the header of every change of something that is there.
type Seen struct {
	IfMatch string `header:"If-Match" doc:"The ETag that you have seen, or * for whichever is there. Required: without it 428, with an old one 412."`
}

// Known is the header of every reading that has an ETag.
type Known struct {
	IfNoneMatch string `header:"If-None-Match" doc:"The ETag that you have: 304 when it is still that."`
}

func versionTag(version int) string { return `"` + strconv.Itoa(version) + `"` }

// digestTag is the ETag of something without versions.
func digestTag(shown any) string {
	text, err := json.Marshal(shown)
	if err != nil {
		panic("api: an answer cannot be written: " + err.Error()) // plain values can
	}
	sum := sha256.Sum256(text)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
}

// of is nil when what there is, by its ETag, is what somebody has seen.
func (s Seen) of(etag string) error {
	if strings.TrimSpace(s.IfMatch) == "" {
		return newProblem(http.StatusPreconditionRequired,
			"Say with If-Match which state you have seen: the ETag of your last GET. It keeps you from undoing somebody else's change.")
	}
	if !matches(s.IfMatch, etag) {
		return newProblem(http.StatusPreconditionFailed, "It is not as you have seen it any more. Read it again, and make your change anew.")
	}
	return nil
}

// of is 304 when the client has it already.
func (k Known) of(etag string) error {
	// Weak comparison here, strong in If-Match (RFC 9110, 13.1.2 and 13.1.1).
	if k.IfNoneMatch == "" || !matches(strings.ReplaceAll(k.IfNoneMatch, "W/", ""), etag) {
		return nil
	}
	p := newProblem(http.StatusNotModified, "")
	p.headers = http.Header{"Etag": {etag}}
	return p
}

func matches(list, etag string) bool {
	return slices.ContainsFunc(strings.Split(list, ","), func(one string) bool {
		one = strings.TrimSpace(one)
		return one == "*" || one == etag
	})
}
