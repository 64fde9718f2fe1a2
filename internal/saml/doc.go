// Package saml owns everything between XML and one verified Assertion: SAML
// 2.0 metadata, requests, the verifier, and this service's own side of each
// connection. Nothing downstream of Assertion sees XML. It leaves what a login
// may do to package idms, and who waits for which response to login and store.
//
// The verifier is ours, on goxmldsig; gosaml2 gives types, builds and signs
// requests, and is the second opinion in tests (docs/decisions explains why).
package saml
