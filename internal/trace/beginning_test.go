package trace

import "testing"

func TestALongTextIsCutBetweenCharacters(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"what fits is whole", "abcd", "abcd"},
		{"the rest is left out", "abcde", "abcd"},
		{"a character that does not fit is left out whole", "abcé", "abc"},
		{"also one of four bytes", "a😀b", "a"},
		{"bytes that are no character end nowhere else", "\x80\x80\x80\x80\x80", ""},
	} {
		if got := Beginning(tt.text, 4); got != tt.want {
			t.Errorf("%s: %q", tt.name, got)
		}
	}
}
