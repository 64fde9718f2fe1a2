package web

import (
	"net/http"

	"idms/internal/roles"
)

// adminSections are the links of the bar, in order.
var adminSections = []struct{ name, path string }{
	{"Logins", "logins"},
	{"People", "people"},
	{"Identity management systems", "records"},
	{"Groups", "groups"},
	{"Audit", "audit"},
}

// recordParts are the pages of one record, below its address: "" is the first.
var recordParts = []struct{ name, path string }{
	{"Overview", ""},
	{"Edit", "edit"},
}

// adminRoutes ask for the same roles as the API does for the same things.
var adminRoutes = []adminRoute{
	{http.MethodGet, adminPath, roles.Reader, (*Site).adminHome},

	// What came in a login may be anything that a provider says about a person.
	{http.MethodGet, adminPath + "/logins", roles.Reader, (*Site).adminLogins},
	{http.MethodGet, adminPath + "/logins/:ref", roles.Editor, (*Site).adminLogin},

	{http.MethodGet, adminPath + "/people", roles.Reader, (*Site).adminPeople},
	{http.MethodGet, adminPath + "/people/:user", roles.Reader, (*Site).adminPerson},
	{http.MethodPost, adminPath + "/people/:user/sessions/end", roles.Editor, (*Site).adminEndSessions},
	{http.MethodPost, adminPath + "/people/:user/sessions/:session/end", roles.Editor, (*Site).adminEndSession},

	{http.MethodGet, adminPath + "/records", roles.Reader, (*Site).adminRecords},
	{http.MethodGet, adminPath + "/records/:record", roles.Reader, (*Site).adminRecord},

	{http.MethodPost, adminPath + "/records/:record/save", roles.Editor, (*Site).adminSaveRecord},
	{http.MethodPost, adminPath + "/records/:record/merge", roles.Editor, (*Site).adminMergeRecord},

	{http.MethodGet, adminPath + "/groups", roles.Reader, (*Site).adminGroups},
	{http.MethodGet, adminPath + "/groups/:group", roles.Reader, (*Site).adminGroup},

	{http.MethodGet, adminPath + "/audit", roles.Reader, (*Site).adminAudit},

	// Set-up of a connection, and a record whole.
	{http.MethodGet, setUpRoot, roles.Editor, (*Site).adminSetUp},
	{http.MethodPost, setUpRoot, roles.Editor, (*Site).adminBeginSetUp},
	{http.MethodGet, setUpRoot + "/:record", roles.Editor, (*Site).adminSetUpRecord},
	{http.MethodGet, setUpRoot + "/:record/certificate", roles.Editor, (*Site).adminCertificate},
	{http.MethodPost, setUpRoot + "/:record/provider", roles.Editor, (*Site).adminSetUpProvider},
	{http.MethodPost, setUpRoot + "/:record/mapping", roles.Editor, (*Site).adminSetUpMapping},
	{http.MethodPost, setUpRoot + "/:record/test", roles.Editor, (*Site).adminSetUpTest},
	{http.MethodPost, setUpRoot + "/:record/on", roles.Editor, (*Site).adminSwitchOn},
	{http.MethodGet, adminPath + "/records/:record/edit", roles.Editor, (*Site).adminEdit},
	{http.MethodPost, adminPath + "/records/:record/edit", roles.Editor, (*Site).adminSaveEdit},
	{http.MethodPost, adminPath + "/records/:record/edit/reset-acs", roles.Editor, (*Site).adminResetACS},
}
