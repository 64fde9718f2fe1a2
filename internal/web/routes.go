package web

import "github.com/labstack/echo/v4"

// routes is the table of contents. What strangers can make the database write, a
// login's begin and end and a provider's logout, is limited per client address.
func (s *Site) routes(e *echo.Echo) {
	// HEAD wherever GET is (RFC 9110, 9.1).
	get := func(path string, page echo.HandlerFunc) {
		e.GET(path, page)
		e.HEAD(path, page)
	}

	// Logging in
	get("/login", s.loginPage)
	e.GET("/saml/:record/login", s.begin, s.limit) // no HEAD: it would begin a login
	e.GET(acsRoute, s.completeInAddress, s.limit)
	e.POST(acsRoute, s.complete, s.limit, newBodies(largePosts, bodyPatience).bound)

	// The door of local people: a password instead of an identity provider
	get(doorPath, s.doorPage)
	e.POST(doorPath, s.knock, s.limit)
	get(forgottenPath, s.forgottenPage)
	e.POST(forgottenPath, s.forget, s.limit)
	get(doorPath+"/choose/:token", s.choosePage)
	e.POST(doorPath+"/choose/:token", s.choose, s.limit)
	e.POST(doorPath+"/passkey", s.beginPasskey, s.limit)
	e.POST(doorPath+"/passkey/answer", s.answerPasskey, s.limit)
	get(securityPath, s.securityPage)
	e.POST(securityPath+"/passkeys", s.offerPasskey, s.limit)
	e.POST(securityPath+"/passkeys/add", s.addPasskey, s.limit)
	e.POST(securityPath+"/passkeys/:passkey/remove", s.removePasskey, s.limit)
	e.POST(securityPath+"/authenticator", s.addAuthenticator, s.limit)
	e.POST(securityPath+"/authenticator/remove", s.removeAuthenticator, s.limit)
	e.POST(securityPath+"/recovery-codes", s.newRecoveryCodes, s.limit)
	e.POST(securityPath+"/password", s.changePassword, s.limit)
	e.POST(securityPath+"/sessions/:session/end", s.endOwnSession, s.limit)

	// Trying a record (docs/how-to/test-login.md)
	get(testRoute, s.testLogin)
	e.POST(testRoute, s.beginTest, s.limit)

	// Being logged in
	get("/", s.whoPage)
	get("/groups", s.groupsPage)
	get("/elevate", s.elevatePage)
	e.POST("/elevate", s.elevate, s.limit)
	e.POST("/elevate/end", s.endElevation)
	e.POST("/logout", s.logout)
	e.POST("/logout/everywhere", s.logoutEverywhere)
	get("/signed-out", s.signedOutPage)
	e.GET(sloRoute, s.singleLogout, s.limit) // no HEAD: it would end sessions
	e.POST(sloRoute, s.singleLogout, s.limit, newBodies(largePosts, bodyPatience).bound)

	// For portals (docs/reference/portal.md): asked by a portal's proxy, on the
	// portal's own host, on the way there, and by its back end
	e.GET(forwardAuthPath, s.forwardAuth)
	e.GET(forwardAuthPath+"/nginx", s.forwardAuthNginx)
	e.GET(portalPath+"start", s.portalStart, s.limit)
	e.GET(portalPath+"elevate", s.portalElevate, s.limit)
	e.GET(portalPath+"callback", s.portalCallback, s.limit)
	e.POST(portalPath+"elevate/end", s.portalEndElevation)
	e.POST(portalPath+"logout", s.portalLogout)
	e.GET(portalPath+"static/:file", s.static)
	e.GET("/hand-over", s.handOver, s.limit)
	e.GET(apiPath+"session", s.sessionState)
	e.GET(apiPath+"session/console", s.sessionMayOpenConsole)

	// For identity providers and login buttons
	get("/saml/:record/metadata", s.metadata)
	get("/saml/:record/icon", s.icon)

	// For administrators: admin.go has the table, with what each page asks for
	s.administration(e)

	// For machines
	get("/healthz", s.healthy)
	get("/readyz", s.ready)

	get("/static/:file", s.static)

	if s.Dev {
		get("/dev/pages", s.samplesPage)
		get("/dev/pages/:sample", s.samplePage)
	}
}

// doorPath is where local people log in.
const doorPath = "/door"

// acsRoute and sloRoute are the addresses that other sites post to.
const (
	acsRoute = "/saml/:record/acs"
	sloRoute = "/saml/:record/slo"
)
