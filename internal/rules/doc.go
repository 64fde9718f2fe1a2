// Package rules says whether an attribute of an assertion matches a regular
// expression.
//
// A [Rule] is an attribute name, a [Pattern] and a [Quantifier]; tested against
// the [Attributes] of one assertion it gives a [Finding]: what was there, whether
// the rule is true, and which value decided it. [Rule.Test] is the meaning and
// fits in one look. [Set] is the same meaning at speed, for a record with many
// thousands of rules: it is built once per record version and finds, among all
// of its rules, the few that a login's values can match.
//
// The package owns semantics.md S10, S11, S13 and the findings of S14 and S15. It
// leaves to others what a finding leads to (console, groups, idms), where
// attributes come from and how their values are cleaned (saml, S12), the
// refusal of values longer than [MaxValue] (idms), and who a message is for
// (fault): its own errors are plain and fit for an administrator's eyes.
//
// Everything here is pure: no clock, no storage, no logging, and no library but
// the standard one.
package rules
