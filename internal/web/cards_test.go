package web

import (
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
)

// explains is true of a cell that says by itself what it holds: a button or a link by
// which something is done, a bar along the axis that is told above the table, nothing.
func explains(cell *goquery.Selection, heading string) bool {
	switch heading {
	case "Action":
		return cell.Find("a, button").Length() > 0 || readIn(cell) == "" || readIn(cell) == "This session"
	}
	return heading == "from today 1 year 2 years"
}

// Where a table is shown as cards, nobody sees the row of headings.
func TestEveryCellOfACardSaysWhatItHolds(t *testing.T) {
	sampled(t, func(t *testing.T, page *goquery.Document) {
		page.Find("table.cards").Each(func(_ int, table *goquery.Selection) {
			var headings []string
			table.Find("thead th").Each(func(_ int, th *goquery.Selection) { headings = append(headings, readIn(th)) })
			table.Find("tbody tr").Each(func(_ int, row *goquery.Selection) {
				cells := row.Children()
				if cells.Length() != len(headings) {
					t.Errorf("%v: a row has %d cells", headings, cells.Length())
					return
				}
				times := cells.Has("time").Length()
				cells.Each(func(i int, cell *goquery.Selection) {
					label, labelled := cell.Attr("data-label")
					// The first cell is the heading of its card; of several times each is told apart.
					switch heads := i == 0 && (times < 2 || cell.Find("time").Length() == 0); {
					case labelled && label != headings[i]:
						t.Errorf("%v: the cell %q is called %q", headings, readIn(cell), label)
					case !labelled && !heads && !explains(cell, headings[i]):
						t.Errorf("%v: nothing says that %q is %q", headings, readIn(cell), headings[i])
					}
				})
			})
		})
	})
}

// readIn is what is to be read, on one line.
func readIn(of *goquery.Selection) string { return strings.Join(strings.Fields(of.Text()), " ") }
