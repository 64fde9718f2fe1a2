// Package door owns how people without an identity provider prove who they are:
// passwords, one-time codes of an authenticator app, passkeys, recovery codes, and
// how guessing is slowed down (S50 to S52). It leaves who may use which door to
// login, keeping to store, and pages to web.
package door
