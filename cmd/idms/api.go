package main

import (
	"net/http"

	"idms/internal/api"
	"idms/internal/config"
	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/mail"
	"idms/internal/web"
)

// wrongTokens are how many tokens that were not right before one client address may
// show: a few mistakes at once, and one a second in the long run.
var wrongTokens = web.Limits{PerSecond: 1, Burst: 20}

func (h *house) api(cfg config.Config, letters *mail.Sender) (http.Handler, error) {
	return api.New(api.Config{
		Flow: h.flow, Upkeep: h.upkeep,
		PasswordAddress: func(token string) string { return h.config.Bases()[0] + web.ChoosePath(token) },
		Mail:            letters,
		PortalName:      cfg.PortalName,
		Address:         web.ClientAddress(cfg.Proxies()),
		Allow:           web.NewLimit(wrongTokens, h.clock),
		Warn:            warn(cfg),
		Directory:       h.syncer(),
		Clock:           h.clock, Log: h.log,
	})
}

// warn says of a record what only the configuration can tell.
func warn(cfg config.Config) func(idms.Record) fault.Problems {
	return func(record idms.Record) fault.Problems {
		var warnings fault.Problems
		for _, one := range unreachable(cfg, record.Connection()) {
			warnings.Add(one.Field, "%s", one.Message)
		}
		return warnings
	}
}
