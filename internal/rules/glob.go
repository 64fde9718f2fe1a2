package rules

import (
	"bytes"
)

// glob is a regular expression reduced to what can be checked by comparing
// strings: literal pieces that occur in this order, with anything between them.
// It is how a pattern looks to the index.
//
//	^Platform$           "Platform", at the beginning and at the end
//	^CN=.*,OU=Admins     "CN=" at the beginning, then ",OU=Admins"
//	[0-9]+-ops\b         "-ops", and only the regular expression can tell
//
// A glob never loses a match: what matches the pattern fits one of its globs.
type glob struct {
	pieces [][]byte // at least one; between two of them may be anything
	begin  bool     // the first piece is at the value's beginning
	end    bool     // the last piece is at the value's end
	folded bool     // the pieces are folded, and so must be the value
	dots   bool     // "anything" is any text but a newline, as . is
	exact  bool     // what fits the glob matches the pattern
}

// fits reports whether the value, folded or not as the glob wants it, has the
// pieces. Taking the earliest place for each piece leaves the most room for the
// rest, so there is nothing to try again and the time is linear.
func (g *glob) fits(value []byte) bool {
	pieces := g.pieces
	if g.begin && g.end && len(pieces) == 1 {
		return bytes.Equal(value, pieces[0])
	}
	if g.begin {
		if !bytes.HasPrefix(value, pieces[0]) {
			return false
		}
		value, pieces = value[len(pieces[0]):], pieces[1:]
	}
	if g.end {
		last := len(pieces) - 1
		if !bytes.HasSuffix(value, pieces[last]) {
			return false
		}
		value, pieces = value[:len(value)-len(pieces[last])], pieces[:last]
	}
	for _, piece := range pieces {
		at := bytes.Index(value, piece)
		if at < 0 {
			return false
		}
		value = value[at+len(piece):]
	}
	return true
}

// whole reports whether a value fits only by being equal to the one piece.
func (g *glob) whole() bool { return g.begin && g.end && len(g.pieces) == 1 }
