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
	{"Certificates and keys", "certificates"},
	{"Directory sync", "directory"},
	{"Audit", "audit"},
	{"Administrators", "administrators"},
	{"API tokens", "tokens"},
	{"Settings", "settings"},
}

// recordParts are the pages of one record, below its address: "" is the first. Each
// needs what its route below needs.
var recordParts = []struct {
	name, path string
	need       roles.Role
}{
	{"Overview", "", roles.Reader},
	{"Edit", "edit", roles.Editor},
	{"Rules", "rules", roles.Reader},
	{"Apply rules now", "apply-rules", roles.Editor},
	{"Directory", "directory", roles.Reader},
	{"Certificates and keys", "certificates", roles.Reader},
	{"Versions", "versions", roles.Reader},
}

// ofDirectory is where the directory of one record is.
const ofDirectory = adminPath + "/records/:record/directory"

// adminRoutes ask for the same roles as the API does for the same things. They
// stand in the order of the bar.
var adminRoutes = []adminRoute{
	{http.MethodGet, adminPath, roles.Reader, (*Site).adminHome},

	// Logins
	{http.MethodGet, adminPath + "/logins", roles.Reader, (*Site).adminLogins},
	// What came in a login may be anything that a provider says about a person.
	{http.MethodGet, adminPath + "/logins/:ref", roles.Editor, (*Site).adminLogin},
	{http.MethodGet, adminPath + "/logins/:ref/compare", roles.Editor, (*Site).adminCompareLogin},
	// What nobody has accepted yet could log somebody in.
	{http.MethodGet, adminPath + "/logins/:ref/response", roles.Owner, (*Site).adminResponse},

	// People
	{http.MethodGet, adminPath + "/people", roles.Reader, (*Site).adminPeople},
	{http.MethodGet, adminPath + "/people/:user", roles.Reader, (*Site).adminPerson},
	{http.MethodGet, adminPath + "/people/:user/groups/:group", roles.Reader, (*Site).adminWhy},
	// The members of the built-in groups are for owners: store says so.
	{http.MethodPost, adminPath + "/people/:user/groups", roles.Editor, (*Site).adminJoinGroup},
	{http.MethodPost, adminPath + "/people/:user/groups/:group/remove", roles.Editor, (*Site).adminLeaveGroup},
	{http.MethodGet, adminPath + "/people/:user/block", roles.Editor, ask("block")},
	{http.MethodPost, adminPath + "/people/:user/block", roles.Editor, adminBlock},
	{http.MethodGet, adminPath + "/people/:user/unblock", roles.Editor, ask("unblock")},
	{http.MethodPost, adminPath + "/people/:user/unblock", roles.Editor, adminUnblock},
	{http.MethodGet, adminPath + "/people/:user/apply-rules", roles.Editor, (*Site).adminPersonRules},
	{http.MethodPost, adminPath + "/people/:user/apply-rules", roles.Editor, (*Site).adminApplyToPerson},
	{http.MethodGet, adminPath + "/people/:user/exemption", roles.Owner, (*Site).adminPersonExemption},
	{http.MethodPost, adminPath + "/people/:user/exemption", roles.Owner, (*Site).adminExemptPerson},
	{http.MethodPost, adminPath + "/people/:user/exemption/end", roles.Owner, (*Site).adminEndExemption},
	{http.MethodGet, adminPath + "/people/:user/erase", roles.Owner, ask("erase")},
	{http.MethodPost, adminPath + "/people/:user/erase", roles.Owner, adminErase},
	{http.MethodPost, adminPath + "/people/:user/sessions/end", roles.Editor, (*Site).adminEndSessions},
	{http.MethodPost, adminPath + "/people/:user/sessions/:session/end", roles.Editor, (*Site).adminEndSession},

	// Identity management systems: the list, and the set-up of a new one
	{http.MethodGet, adminPath + "/records", roles.Reader, (*Site).adminRecords},
	{http.MethodGet, setUpRoot, roles.Editor, (*Site).adminSetUp},
	{http.MethodPost, setUpRoot, roles.Editor, (*Site).adminBeginSetUp},
	{http.MethodGet, setUpRoot + "/:record", roles.Editor, (*Site).adminSetUpRecord},
	{http.MethodGet, setUpRoot + "/:record/certificate", roles.Editor, (*Site).adminCertificate},
	{http.MethodPost, setUpRoot + "/:record/provider", roles.Editor, (*Site).adminSetUpProvider},
	{http.MethodPost, setUpRoot + "/:record/mapping", roles.Editor, (*Site).adminSetUpMapping},
	{http.MethodPost, setUpRoot + "/:record/test", roles.Editor, (*Site).adminSetUpTest},
	{http.MethodPost, setUpRoot + "/:record/on", roles.Editor, (*Site).adminSwitchOn},

	// Identity management systems: one of them
	{http.MethodGet, adminPath + "/records/:record", roles.Reader, (*Site).adminRecord},
	// A provider is asked.
	{http.MethodPost, adminPath + "/records/:record/metadata/read", roles.Editor, (*Site).adminReadMetadata},
	{http.MethodPost, adminPath + "/records/:record/metadata/approve", roles.Editor, (*Site).adminApproveMetadata},
	{http.MethodPost, adminPath + "/records/:record/keep-responses", roles.Editor, (*Site).adminKeepResponses},
	{http.MethodGet, adminPath + "/records/:record/examine", roles.Editor, (*Site).adminExamine},
	{http.MethodPost, adminPath + "/records/:record/examine", roles.Editor, (*Site).adminDoExamine},
	{http.MethodGet, adminPath + "/records/:record/switch-on", roles.Editor, (*Site).adminAskSwitchOn},
	{http.MethodPost, adminPath + "/records/:record/switch-on", roles.Editor, (*Site).adminDoSwitchOn},
	{http.MethodGet, adminPath + "/records/:record/disable", roles.Editor, (*Site).adminAskDisable},
	{http.MethodPost, adminPath + "/records/:record/disable", roles.Editor, (*Site).adminDoDisable},
	// Its people go with it.
	{http.MethodGet, adminPath + "/records/:record/delete", roles.Owner, (*Site).adminAskDelete},
	{http.MethodPost, adminPath + "/records/:record/delete", roles.Owner, (*Site).adminDoDelete},

	// Identity management systems: its fields, its rules, and what every change goes through
	{http.MethodGet, adminPath + "/records/:record/edit", roles.Editor, (*Site).adminEdit},
	{http.MethodPost, adminPath + "/records/:record/edit", roles.Editor, (*Site).adminSaveEdit},
	{http.MethodPost, adminPath + "/records/:record/edit/reset-acs", roles.Editor, (*Site).adminResetACS},
	{http.MethodGet, adminPath + "/records/:record/rules", roles.Reader, (*Site).adminRules},
	{http.MethodPost, adminPath + "/records/:record/rules", roles.Editor, (*Site).adminEditRules},
	{http.MethodPost, adminPath + "/records/:record/save", roles.Editor, (*Site).adminSaveRecord},
	{http.MethodPost, adminPath + "/records/:record/merge", roles.Editor, (*Site).adminMergeRecord},
	{http.MethodGet, adminPath + "/records/:record/apply-rules", roles.Editor, (*Site).adminRecordRules},
	{http.MethodPost, adminPath + "/records/:record/apply-rules", roles.Editor, (*Site).adminApplyToRecord},

	// Identity management systems: its versions, its certificates and keys
	{http.MethodGet, adminPath + "/records/:record/versions", roles.Reader, (*Site).adminVersions},
	{http.MethodGet, adminPath + "/records/:record/versions/compare", roles.Reader, (*Site).adminCompareVersions},
	{http.MethodGet, adminPath + "/records/:record/versions/:version", roles.Reader, (*Site).adminVersion},
	{http.MethodPost, adminPath + "/records/:record/versions/:version/restore", roles.Editor, (*Site).adminRestore},
	{http.MethodGet, adminPath + "/records/:record/certificates", roles.Reader, (*Site).adminRecordKeys},
	{http.MethodGet, adminPath + "/records/:record/certificates/:fingerprint", roles.Reader, (*Site).adminCertificateFile},
	{http.MethodPost, adminPath + "/records/:record/keys/announce", roles.Editor, (*Site).adminAnnounceKey},
	{http.MethodPost, adminPath + "/records/:record/keys/switch", roles.Editor, (*Site).adminSwitchKey}, // forced: an owner
	{http.MethodPost, adminPath + "/records/:record/keys/retire", roles.Editor, (*Site).adminRetireKey}, // forced: an owner

	// Groups
	{http.MethodGet, adminPath + "/groups", roles.Reader, (*Site).adminGroups},
	{http.MethodGet, adminPath + "/groups/:group", roles.Reader, (*Site).adminGroup},
	{http.MethodGet, adminPath + "/new-group", roles.Editor, (*Site).adminNewGroup}, // below groups, "new" may be a key
	{http.MethodPost, adminPath + "/new-group", roles.Editor, (*Site).adminCreateGroup},
	{http.MethodGet, adminPath + "/groups/:group/edit", roles.Editor, (*Site).adminGroupEdit},
	{http.MethodPost, adminPath + "/groups/:group/rename", roles.Editor, (*Site).adminRenameGroup},
	{http.MethodPost, adminPath + "/groups/:group/delete", roles.Editor, (*Site).adminDeleteGroup},
	// The members of the built-in groups are for owners: store says so.
	{http.MethodGet, adminPath + "/groups/:group/add", roles.Editor, (*Site).adminGroupAdd},
	{http.MethodPost, adminPath + "/groups/:group/members", roles.Editor, (*Site).adminAddMember},
	{http.MethodPost, adminPath + "/groups/:group/members/:user/remove", roles.Editor, (*Site).adminRemoveMember},
	{http.MethodGet, adminPath + "/groups/:group/left-behind", roles.Reader, (*Site).adminLeftBehind},
	{http.MethodPost, adminPath + "/groups/:group/left-behind", roles.Editor, (*Site).adminSettle},
	{http.MethodGet, leftPath, roles.Reader, (*Site).adminLeftBehind},
	{http.MethodPost, leftPath, roles.Editor, (*Site).adminSettle},

	// Certificates and keys
	{http.MethodGet, adminPath + "/certificates", roles.Reader, (*Site).adminCertificates},

	// Directory sync: every directory, then one record's
	{http.MethodGet, adminPath + "/directory", roles.Reader, (*Site).adminDirectories},
	{http.MethodGet, ofDirectory, roles.Reader, (*Site).adminDirectory},
	{http.MethodGet, ofDirectory + "/progress", roles.Reader, (*Site).adminDirectoryProgress},
	{http.MethodPost, ofDirectory + "/run", roles.Editor, (*Site).adminRunDirectory},
	{http.MethodPost, ofDirectory + "/rehearse", roles.Editor, (*Site).adminRehearseDirectory},
	{http.MethodPost, ofDirectory + "/pause", roles.Editor, (*Site).adminPauseDirectory},
	{http.MethodPost, ofDirectory + "/resume", roles.Editor, (*Site).adminResumeDirectory},
	{http.MethodGet, ofDirectory + "/test", roles.Editor, (*Site).adminDirectoryTest},
	{http.MethodPost, ofDirectory + "/test", roles.Editor, (*Site).adminTestDirectory},
	{http.MethodGet, ofDirectory + "/edit", roles.Editor, (*Site).adminEditDirectory},
	{http.MethodPost, ofDirectory + "/edit", roles.Editor, (*Site).adminSaveDirectory},
	{http.MethodGet, ofDirectory + "/password", roles.Editor, (*Site).adminBindPassword},
	{http.MethodPost, ofDirectory + "/password", roles.Editor, (*Site).adminSetBindPassword},
	{http.MethodGet, ofDirectory + "/remove", roles.Editor, (*Site).adminTakeDirectory},
	{http.MethodPost, ofDirectory + "/remove", roles.Editor, (*Site).adminRemoveDirectory},
	{http.MethodGet, ofDirectory + "/runs", roles.Reader, (*Site).adminRuns},
	{http.MethodGet, ofDirectory + "/runs/:run", roles.Reader, (*Site).adminRun},
	{http.MethodGet, ofDirectory + "/runs/:run/changes.csv", roles.Reader, (*Site).adminRunCSV},
	{http.MethodGet, ofDirectory + "/runs/:run/changes.json", roles.Reader, (*Site).adminRunJSON},
	// Whoever may widen the limits by changing the record may let a plan through.
	{http.MethodGet, ofDirectory + "/runs/:run/approve", roles.Editor, (*Site).adminApprovePlan},
	{http.MethodPost, ofDirectory + "/runs/:run/approve", roles.Editor, (*Site).adminLetThrough},

	// Audit
	{http.MethodGet, adminPath + "/audit", roles.Reader, (*Site).adminAudit},
	{http.MethodGet, adminPath + "/audit.csv", roles.Reader, (*Site).adminAuditTable},
	{http.MethodGet, adminPath + "/audit.json", roles.Reader, (*Site).adminAuditEvents},

	// Administrators, and people who are exempt
	{http.MethodGet, administratorsPath, roles.Owner, (*Site).adminAdministrators},
	{http.MethodGet, administratorsPath + "/invite", roles.Owner, (*Site).adminInvite},
	{http.MethodPost, administratorsPath + "/invite", roles.Owner, (*Site).adminInvited},
	{http.MethodGet, administratorsPath + "/choose", roles.Owner, (*Site).adminChoose},
	{http.MethodGet, administratorsPath + "/:user", roles.Owner, (*Site).adminAdministrator},
	{http.MethodPost, administratorsPath + "/:user/role", roles.Owner, (*Site).adminSetRole},
	{http.MethodPost, administratorsPath + "/:user/password-address", roles.Owner, (*Site).adminMakeAddress},
	{http.MethodPost, administratorsPath + "/:user/password-address/end", roles.Owner, (*Site).adminEndAddress},
	{http.MethodGet, exemptionsPath, roles.Owner, (*Site).adminExemptions},
	{http.MethodPost, exemptionsPath, roles.Owner, (*Site).adminExempt},
	{http.MethodGet, exemptionsPath + "/invite", roles.Owner, (*Site).adminInviteExempt},
	{http.MethodPost, exemptionsPath + "/invite", roles.Owner, (*Site).adminInvitedExempt},
	{http.MethodPost, exemptionsPath + "/:user/end", roles.Owner, (*Site).adminEndExemption},

	// API tokens
	{http.MethodGet, tokensPath, roles.Owner, (*Site).adminTokens},
	{http.MethodPost, tokensPath, roles.Owner, (*Site).adminMakeToken},
	{http.MethodGet, tokensPath + "/:token/revoke", roles.Owner, (*Site).adminRevoke},
	{http.MethodPost, tokensPath + "/:token/revoke", roles.Owner, (*Site).adminRevoked},

	// Settings
	{http.MethodGet, settingsPath, roles.Owner, (*Site).adminSettings},
	{http.MethodPost, settingsPath, roles.Owner, (*Site).adminAdjust},
	{http.MethodPost, settingsPath + "/enforcement", roles.Owner, (*Site).adminEnforce},
	{http.MethodPost, settingsPath + "/door", roles.Owner, (*Site).adminDoor},
	{http.MethodPost, settingsPath + "/test-login", roles.Owner, (*Site).adminProveRecord},
	{http.MethodPost, settingsPath + "/mail", roles.Owner, (*Site).adminTryMail},
}
