package login

import (
	"context"
	"sync"

	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/saml"
	"idms/internal/store"
)

// connection is one version of a record, compiled: everything a login needs of
// it. It never changes.
type connection struct {
	edition  store.Edition
	record   idms.Record
	policy   *idms.Policy
	idp      saml.IdP
	sp       saml.SP
	verifier *saml.Verifier
}

// connections are the compiled records of this process, the newest version of
// each. A login always asks the database which version counts, so that a stale
// one is never used, whichever process changed the record.
type connections struct {
	mu    sync.Mutex
	byKey map[string]*connection
}

// connection of a record as it is in the database now, or fault.NotFound. Of a
// record that takes no logins it has the edition alone: refusing is the caller's
// step, and a draft may not say enough to be compiled.
func (f *Flow) connection(ctx context.Context, key string) (*connection, error) {
	edition, err := f.Store.Edition(ctx, key)
	if err != nil {
		return nil, err
	}
	if key == idms.LocalKey {
		return nil, noRecord(key)
	}
	if edition.State != idms.Active {
		return &connection{edition: edition}, nil
	}
	f.connections.mu.Lock()
	have := f.connections.byKey[key]
	f.connections.mu.Unlock()
	if have != nil && have.edition == edition {
		return have, nil
	}
	fresh, err := f.compile(ctx, edition)
	if err != nil {
		return nil, err
	}
	f.connections.mu.Lock()
	defer f.connections.mu.Unlock()
	if f.connections.byKey == nil {
		f.connections.byKey = map[string]*connection{}
	}
	f.connections.byKey[key] = fresh
	return fresh, nil
}

// compile reads and compiles one version. Two logins at once may both do it;
// that costs time, never truth.
func (f *Flow) compile(ctx context.Context, edition store.Edition) (*connection, error) {
	record, err := f.Store.RecordAt(ctx, edition.Key, edition.Version)
	if err != nil {
		return nil, err
	}
	keys, err := f.Store.SPKeys(ctx, edition.ID)
	if err != nil {
		return nil, err
	}
	c := &connection{edition: edition, record: record, sp: record.SAML.SP(record.Key, f.Base, keys)}
	if c.idp, err = record.SAML.IdP(); err != nil {
		return nil, err
	}
	if c.policy, err = idms.Compile(record); err != nil {
		return nil, err
	}
	verifier, err := saml.NewVerifier(record.SAML, c.idp, c.sp)
	if err != nil {
		return nil, err
	}
	c.verifier = verifier.WithLimits(f.Limits)
	return c, nil
}

func (c *connection) active() bool { return c.edition.State == idms.Active }

// canElevate is true when the record can ask for a stronger authentication (S26).
func (c *connection) canElevate() bool {
	return len(c.record.SAML.ElevationContexts) > 0 && c.record.SAML.CustomLoginURL == ""
}

// noRecord: local people belong to a record (S40), and it has no provider.
func noRecord(key string) error { return fault.New(fault.NotFound, "There is no record %q.", key) }
