package api

// Paged are the parameters of every list.
type Paged struct {
	Cursor string `query:"cursor" maxLength:"1000" doc:"Of the page before: its next. Left out: the first page."`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"How many at most."`
}

// list is a page of things. Next is the cursor of the following page, and "" at the
// end.
type list[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next" doc:"cursor of the following page; empty at the end"`
}

// listed is the answer to a list.
type listed[T any] struct{ Body list[T] }

// pageOf writes down a page; without anything in it, it is [] and not null.
func pageOf[T, From any](from []From, next string, write func(From) T) *listed[T] {
	items := make([]T, len(from))
	for i, one := range from {
		items[i] = write(one)
	}
	return &listed[T]{list[T]{Items: items, Next: next}}
}

// nothing is the answer that has no body.
type nothing struct{}
