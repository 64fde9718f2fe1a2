// Package migrations owns the shape of the database: one SQL file for each
// step, in two dialects under the same name. It leaves applying them, and
// everything else that is SQL, to store.
//
// A migration that shipped is never edited. A change expands first and
// contracts a release later, so that two versions can run side by side.
package migrations

import "embed"

// Files holds the folders sqlite and postgres.
//
//go:embed sqlite/*.sql postgres/*.sql
var Files embed.FS
