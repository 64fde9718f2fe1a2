package web

import (
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// Bounds of what posted bodies take of the memory. Anybody can post anything to
// an ACS, and stop in the middle of it: what has come by then is kept until the
// server's ReadTimeout ends.
const (
	smallPost    = 64 << 10        // bytes; nearly every response is smaller
	largePosts   = 16              // at once, each of the limit's bytes and what is made of them
	adminPosts   = 4               // the same of administrators, whose forms are larger (maxForm, maxIntent)
	bodyPatience = 5 * time.Second // for a place
)

// bodies are the places for large posts. A small one needs none, so that nobody
// who fills them keeps usual logins out.
type bodies struct {
	places   chan struct{}
	patience time.Duration
}

func newBodies(places int, patience time.Duration) *bodies {
	return &bodies{places: make(chan struct{}, places), patience: patience}
}

// bound lets a handler read more than smallPost bytes only when there is a place
// for them, and keeps the place until the handler has ended.
func (b *bodies) bound(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		posted := &postedBody{ReadCloser: c.Request().Body, from: b, c: c}
		c.Request().Body = posted
		defer posted.leave()
		return next(c)
	}
}

// postedBody is a request's, which takes its place when it turns out to be large: what
// a header says of its length is not believed.
type postedBody struct {
	io.ReadCloser
	from   *bodies
	c      echo.Context
	came   int
	placed bool
}

func (b *postedBody) Read(into []byte) (int, error) {
	if !b.placed {
		if b.came == smallPost {
			if err := b.enter(); err != nil {
				return 0, err
			}
		} else {
			into = into[:min(len(into), smallPost-b.came)]
		}
	}
	n, err := b.ReadCloser.Read(into)
	b.came += n
	return n, err
}

// enter waits for a place; 503 when there is none.
func (b *postedBody) enter() error {
	select {
	case b.from.places <- struct{}{}:
		b.placed = true
		return nil
	default:
	}
	timer := time.NewTimer(b.from.patience)
	defer timer.Stop()
	select {
	case b.from.places <- struct{}{}:
		b.placed = true
		return nil
	case <-timer.C:
		b.c.Response().Header().Set("Retry-After", "5")
		return echo.NewHTTPError(http.StatusServiceUnavailable)
	case <-b.c.Request().Context().Done():
		return b.c.Request().Context().Err()
	}
}

func (b *postedBody) leave() {
	if b.placed {
		<-b.from.places
	}
}
