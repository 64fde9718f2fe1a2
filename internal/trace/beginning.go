package trace

import "unicode/utf8"

// Beginning is as much of a text from outside as fits into limit bytes, in whole
// characters. It is the text itself when all of it fits; whoever shows a part
// says that there is more.
func Beginning(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	end := limit
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}
