package main

import (
	"fmt"
	"slices"
	"strings"

	"idms/internal/config"
	"idms/internal/idms"
)

// unreachable says of which records nobody reaches the addresses: their origin
// is not among the public addresses of this configuration, where every request
// for another host is refused.
func unreachable(cfg config.Config, records ...idms.Connection) []recordWarning {
	bases := cfg.Bases()
	var said []recordWarning
	for _, record := range records {
		origin := record.SAML.Origin
		if record.State == idms.Disabled || origin == "" || slices.Contains(bases, origin) {
			continue
		}
		said = append(said, recordWarning{record.Key, "saml.origin", fmt.Sprintf(
			"%s is not among the base_urls (%s), so nobody reaches the record there; add it to them, or change the origin", origin, strings.Join(bases, ", "))})
	}
	return said
}
