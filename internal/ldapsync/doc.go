// Package ldapsync owns directory sync up to its plan: the settings of one
// record's directory and their check, reading people and groups from LDAP into
// a Snapshot, and comparing that with what is held already, which gives a Plan
// and says whether it may be applied by itself. Data flows one way:
//
//	directory → Snapshot → Plan → apply
//
// Compare stands in the middle and is pure. An answer that is incomplete in any
// way is an error and never a Snapshot, so that nothing can be taken away
// because of one (L5). It leaves keeping and applying to store, and when to run
// to jobs. docs/reference/directory-sync.md has the rules by number.
package ldapsync
