package rules

import (
	"encoding/binary"
	"unicode"
	"unicode/utf8"
)

// fold is the one rune that stands for all that differ from it in case alone, by
// the same tables as (?i): K and the Kelvin sign are k, S and the long ſ are s.
// Where the orbit has a small ASCII letter it is that one, else the lowest.
func fold(r rune) rune {
	if page := folds[r>>8]; page != nil {
		return page[r&0xff]
	}
	return r
}

// folds hold fold by pages of 256 runes. Most pages have no letters with cases and
// are left out.
var folds = func() (pages [unicode.MaxRune>>8 + 1]*[256]rune) {
	for _, letters := range unicode.CaseRanges {
		for r := rune(letters.Lo); r <= rune(letters.Hi); r++ {
			page := pages[r>>8]
			if page == nil {
				page = new([256]rune)
				for i := range page {
					page[i] = r&^0xff + rune(i)
				}
				pages[r>>8] = page
			}
			low := r
			for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
				low = min(low, next)
			}
			if 'A' <= low && low <= 'Z' {
				low += 'a' - 'A'
			}
			page[r&0xff] = low
		}
	}
	return pages
}()

// appendFolded appends s with every rune folded. A byte that is not UTF-8 becomes
// U+FFFD, which is how regexp reads it; no piece of a glob contains that rune.
func appendFolded(dst []byte, s string) []byte {
	start := len(dst)
	dst = append(dst, s...)
	text := dst[start:]
	i := 0
	for ; i+8 <= len(text); i += 8 {
		word := binary.LittleEndian.Uint64(text[i:])
		if word&highBits != 0 {
			break
		}
		binary.LittleEndian.PutUint64(text[i:], lower(word))
	}
	for ; i < len(text) && text[i] < utf8.RuneSelf; i++ {
		text[i] = byte(fold(rune(text[i])))
	}
	if i == len(text) {
		return dst
	}
	dst = dst[:start+i]
	for _, r := range s[i:] {
		dst = utf8.AppendRune(dst, fold(r))
	}
	return dst
}

const (
	eachByte = 0x0101010101010101
	highBits = 0x80 * eachByte
)

// lower folds eight ASCII bytes at once. Adding the distance to 128 sets a byte's
// high bit when it is at or above a bound; the bytes between A and Z have passed
// one bound and not the other, and get the bit that makes a letter small.
func lower(word uint64) uint64 {
	fromA := word + (0x80-'A')*eachByte
	afterZ := word + (0x80-'Z'-1)*eachByte
	return word | (fromA&^afterZ&highBits)>>2
}
