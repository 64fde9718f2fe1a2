package web

import "idms/internal/roles"

// AdminRoute is a row of the table that the administrators' routes are registered
// from, for tests that go through the router.
type AdminRoute struct {
	Method, Path string
	Need         roles.Role
}

// AdminRoutes are all rows of it.
func AdminRoutes() []AdminRoute {
	var list []AdminRoute
	for _, one := range adminRoutes {
		list = append(list, AdminRoute{one.method, one.path, one.need})
	}
	return list
}

// PortalPaths are what the paths for portals' proxies begin with.
func PortalPaths() (forwardAuth, portal string) { return forwardAuthPath, portalPath }

// PathOfTests is the path of a test login.
func PathOfTests() string { return testRoute }
