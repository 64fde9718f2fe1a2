package web

import "github.com/labstack/echo/v4"

// routes is the table of contents. What begins or ends a login costs the
// database a write, so those two are limited per client address.
func (s *Site) routes(e *echo.Echo) {
	// Logging in
	e.GET("/login", s.loginPage)
	e.GET("/saml/:record/login", s.begin, s.limit)
	e.POST(acsRoute, s.complete, s.limit, newBodies(largePosts, bodyPatience).bound)

	// Being logged in
	e.GET("/", s.whoPage)
	e.GET("/groups", s.groupsPage)
	e.POST("/elevate", s.elevate, s.limit)
	e.POST("/elevate/end", s.endElevation)
	e.POST("/logout", s.logout)
	e.GET("/signed-out", s.signedOutPage)

	// For identity providers and login buttons
	e.GET("/saml/:record/metadata", s.metadata)
	e.GET("/saml/:record/icon", s.icon)

	// For machines
	e.GET("/healthz", s.healthy)
	e.HEAD("/healthz", s.healthy)
	e.GET("/readyz", s.ready)
	e.HEAD("/readyz", s.ready)

	e.GET("/static/:file", s.static)

	if s.Dev {
		e.GET("/dev/pages", s.samplesPage)
		e.GET("/dev/pages/:sample", s.samplePage)
	}
}

// acsRoute is the one address that other sites post to.
const acsRoute = "/saml/:record/acs"
