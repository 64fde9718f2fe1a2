// Package console owns the cloud-console access level of a login: the grants
// of a record, which of them wins, and the cap of privilege elevation. A
// console is never a screen here. It leaves matching to rules and refusing to
// idms.
package console

import "idms/internal/rules"

// Level is what a session may do with cloud consoles. The zero value is the
// safe one.
type Level uint8

const (
	NoAccess   Level = iota // may not log in at all (S24)
	Restricted              // may log in, may not open cloud consoles
	Full                    // may open cloud consoles
)

// Grant is one access rule: who it matches gets its level.
type Grant struct {
	rules.Rule
	Level Level
}
