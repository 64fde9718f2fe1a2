package web

// notices are what a page says about the thing done on the way to it, by the word
// in its address. Nothing of an address is shown, so that no link can put words
// into our mouth.
var notices = map[string]string{
	"saved":     "The record is saved. It decides from the next login on.",
	"unchanged": "Nothing was different, so nothing was saved.",
}
