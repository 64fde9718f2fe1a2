// Package journey walks through the whole program as people do, in a real
// browser or on the command line, from the first page to the last. It owns no
// code but tests; what a single page or package does is for their own.
package journey
