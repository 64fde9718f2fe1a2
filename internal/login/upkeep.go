package login

import (
	"context"
	"sync"
	"time"
)

// noteEvery is how often one process writes down that a certificate signed a
// login.
const noteEvery = time.Hour

// noted remembers which certificates this process has written down, and when.
type noted struct {
	mu sync.Mutex
	at map[[2]string]time.Time // by record ID and fingerprint
}

// due is true for the first of those who ask within an hour.
func (n *noted) due(recordID, fingerprint string, now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	key := [2]string{recordID, fingerprint}
	if last, ok := n.at[key]; ok && now.Sub(last) < noteEvery {
		return false
	}
	if n.at == nil {
		n.at = map[[2]string]time.Time{}
	}
	n.at[key] = now
	return true
}

// noteCertificate remembers that a certificate is still of use, after the
// login's transaction: it is worth no login.
func (a *attempt) noteCertificate(ctx context.Context) {
	if !a.noted.due(a.edition.ID, a.assertion.SignedBy, a.now) {
		return
	}
	if err := a.Store.NoteCertificateUse(ctx, a.edition.ID, a.assertion.SignedBy, a.now); err != nil {
		a.Log.WarnContext(ctx, "the use of a certificate could not be written down", "record", a.edition.Key, "error", err)
	}
}
