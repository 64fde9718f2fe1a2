package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/roles"
	"idms/internal/tokens"
)

type tokenRow struct {
	ID        string `gorm:"primaryKey"`
	Name      string
	TokenHash []byte
	Role      string
	Created   int64
	CreatedBy string
	Expires   int64
	Used      int64
}

func (tokenRow) TableName() string { return "api_tokens" }

func (row tokenRow) token() tokens.Token {
	return tokens.Token{
		ID: row.ID, Name: row.Name, Role: roles.Role(row.Role), Created: instant(row.Created), By: row.CreatedBy,
		Expires: instant(row.Expires), Used: instant(row.Used),
	}
}

// CreateToken keeps a token, which has been checked, with the hash that tokens.New
// gave. The ID and the begin are made here. A name that is in use is
// fault.Conflict: the audit trail knows tokens by their names.
func (s *Store) CreateToken(ctx context.Context, t tokens.Token, hash []byte, by Author) (tokens.Token, error) {
	row := tokenRow{
		ID: NewID(), Name: t.Name, TokenHash: hash, Role: string(t.Role),
		Created: micros(by.Now), CreatedBy: by.Who, Expires: micros(t.Expires),
	}
	err := s.InTx(ctx, func(tx *Tx) error {
		if err := tx.lockChanges(); err != nil {
			return err
		}
		used, err := tx.count("SELECT count(*) FROM api_tokens WHERE name = ?", t.Name)
		if err != nil {
			return err
		}
		if used > 0 {
			return fault.New(fault.Conflict, "There is a token %s already. Choose another name, or revoke that one first.", t.Name)
		}
		if err := tx.db.Create(&row).Error; err != nil {
			return wrap(err, "keep a token")
		}
		return tx.Audit(audit.Event{At: by.Now, Action: audit.TokenCreated, Who: by.Who, Reason: by.Reason, Changes: []audit.Change{
			{Field: "name", To: t.Name}, {Field: "role", To: string(t.Role)}, {Field: "expires", To: t.Expires.UTC().Format(time.RFC3339)},
		}})
	})
	return row.token(), err
}

// Tokens are all tokens by name, those that have ended included.
func (s *Store) Tokens(ctx context.Context) ([]tokens.Token, error) {
	var rows []tokenRow
	if err := s.read.WithContext(ctx).Order("name").Find(&rows).Error; err != nil {
		return nil, wrap(err, "list tokens")
	}
	all := make([]tokens.Token, len(rows))
	for i, row := range rows {
		all[i] = row.token()
	}
	return all, nil
}

// Token finds the token of a hash at now. One that was revoked, or has ended, is
// fault.NotFound.
func (s *Store) Token(ctx context.Context, hash []byte, now time.Time) (tokens.Token, error) {
	var row tokenRow
	found := s.read.WithContext(ctx).Limit(1).Find(&row, "token_hash = ?", hash)
	if found.Error != nil {
		return tokens.Token{}, wrap(found.Error, "find a token")
	}
	if found.RowsAffected == 0 || row.token().Over(now) {
		return tokens.Token{}, fault.New(fault.NotFound, "There is no such token, or it has ended.")
	}
	return row.token(), nil
}

// TouchToken notes that a token is in use at now: at most one write a minute.
func (s *Store) TouchToken(ctx context.Context, used tokens.Token, now time.Time) error {
	if now.Sub(used.Used) < touchEvery {
		return nil
	}
	return wrap(s.write.WithContext(ctx).Exec("UPDATE api_tokens SET used = ? WHERE id = ? AND used <= ?",
		micros(now), used.ID, micros(now.Add(-touchEvery))).Error, "touch a token")
}

// RevokeToken ends a token, by its ID or its name, at once and for ever.
func (s *Store) RevokeToken(ctx context.Context, which string, by Author) (tokens.Token, error) {
	var row tokenRow
	err := s.InTx(ctx, func(tx *Tx) error {
		if err := tx.lockChanges(); err != nil {
			return err
		}
		column := "name"
		if isID(which) {
			column = "id"
		}
		var found *gorm.DB
		if storable(which) {
			found = tx.db.Limit(1).Find(&row, column+" = ?", which)
			if found.Error != nil {
				return wrap(found.Error, "find a token")
			}
		}
		if found == nil || found.RowsAffected == 0 {
			return fault.New(fault.NotFound, "There is no such token.")
		}
		if err := tx.db.Exec("DELETE FROM api_tokens WHERE id = ?", row.ID).Error; err != nil {
			return wrap(err, "revoke a token")
		}
		return tx.Audit(audit.Event{At: by.Now, Action: audit.TokenRevoked, Who: by.Who, Reason: by.Reason, Changes: []audit.Change{
			{Field: "name", From: row.Name}, {Field: "role", From: row.Role},
		}})
	})
	return row.token(), err
}
