package main

import (
	"fmt"

	"idms/internal/fault"
	"idms/internal/secret"
)

type keysCommand struct {
	Rotate rotateCommand `cmd:"" help:"Seal with a new key from now on; what the old ones sealed can still be read."`
	SP     spKeysCommand `cmd:"" name:"sp" help:"A record's own SAML keys: show them, or roll them over."`
}

type rotateCommand struct{ settings }

func (c rotateCommand) Run(p *program) error {
	cfg, err := c.load(p, nil)
	if err != nil {
		return err
	}
	if cfg.KeysetText != "" {
		return fault.New(fault.Invalid, "The keyset comes as text (keyset_text). Write it to a file, rotate that with IDMS_KEYSET, and put its text back.")
	}
	if err := secret.Rotate(cfg.Keyset); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "%s has a new key, which seals from now on. Back the file up.\n", cfg.Keyset)
	return err
}
