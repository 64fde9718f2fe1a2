package upkeep

import (
	"context"

	"idms/internal/idms"
	"idms/internal/metrics"
)

// State is what a monitoring system wants to know of the connections.
func (u *Upkeep) State(ctx context.Context) (metrics.State, error) {
	var state metrics.State
	list, err := u.Certificates(ctx)
	if err != nil {
		return state, err
	}
	seen := map[metrics.Certificate]bool{}
	for _, one := range list {
		certificate := metrics.Certificate{Record: one.Record, Purpose: one.Purpose, Fingerprint: one.Fingerprint, Ends: one.NotAfter}
		if !seen[certificate] {
			state.Certificates = append(state.Certificates, certificate)
		}
		seen[certificate] = true
	}
	records, err := u.Store.Connections(ctx)
	if err != nil {
		return state, err
	}
	sources, err := u.Store.MetadataSources(ctx)
	if err != nil {
		return state, err
	}
	for _, record := range records {
		if record.SAML.MetadataURL != "" && record.State != idms.Disabled {
			source := sources[record.ID]
			state.Metadata = append(state.Metadata, metrics.Metadata{Record: record.Key, Fetched: source.Fetched, Waits: source.Waiting != ""})
		}
		if record.Association == idms.FromDirectory && record.Directory != nil && record.State == idms.Active {
			directory, err := u.Store.DirectoryState(ctx, record.ID)
			if err != nil {
				return state, err
			}
			waits, err := u.Store.DirectoryWaits(ctx, record.Key)
			if err != nil {
				return state, err
			}
			state.Directories = append(state.Directories, metrics.Directory{Record: record.Key, Good: directory.LastGood, Waits: waits})
		}
	}
	jobs, err := u.Store.Jobs(ctx)
	if err != nil {
		return state, err
	}
	for _, job := range jobs {
		state.Jobs = append(state.Jobs, metrics.Job{Name: job.Name, Failures: job.Failures})
	}
	return state, nil
}
