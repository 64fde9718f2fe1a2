// Package demo owns the demonstration: an identity provider with its own login
// page, a cast of people whose logins end differently, and the records that
// make them end so. It is what a newcomer meets first and what journeys in
// tests walk through; nothing of it is in the way of a real login, and only
// cmd and tests import it.
//
// The provider asks nobody for a password and keeps nothing secret: choosing a
// person is logging in as them. It leaves what a login decides to the service.
package demo
