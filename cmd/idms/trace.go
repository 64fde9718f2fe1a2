package main

import (
	"errors"
	"io/fs"
	"os"

	"idms/internal/config"
	"idms/internal/fault"
)

type traceCommand struct {
	settings
	Reference string `arg:"" help:"The reference on the refusal page."`
}

// existing refuses to look something up in a database that would be made for it:
// in another folder than the service's there is none, and never was that login.
func existing(cfg config.Config) error {
	if cfg.Database != "" {
		return nil
	}
	if _, err := os.Stat(sqliteFile(cfg)); errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Invalid, "There is no database %s. Run this in the folder where the service runs, or give its --config, --data or --database.", sqliteFile(cfg))
	}
	return nil
}

func (c traceCommand) Run(p *program) error {
	cfg, err := c.load(p, nil)
	if err != nil {
		return err
	}
	if err := existing(cfg); err != nil {
		return err
	}
	house, err := p.open(cfg, newLog(p.stderr, cfg))
	if err != nil {
		return err
	}
	defer house.Close()
	told, err := house.flow.Trace(p.ctx, c.Reference)
	if err != nil {
		return err
	}
	return told.Print(p.stdout)
}
