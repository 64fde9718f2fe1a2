package web

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// readyTime is how long the database may take to answer a probe.
const readyTime = 2 * time.Second

// healthy says that the process runs: restart it when this fails.
func (s *Site) healthy(c echo.Context) error {
	return c.String(http.StatusOK, "ok\n")
}

// ready says that logins can be taken: send nobody here while this fails.
func (s *Site) ready(c echo.Context) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), readyTime)
	defer cancel()
	if err := s.Flow.Ready(ctx); err != nil {
		s.Log.Warn("not ready", "error", err)
		return c.String(http.StatusServiceUnavailable, "not ready\n")
	}
	return c.String(http.StatusOK, "ready\n")
}
