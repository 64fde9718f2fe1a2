package main

type traceCommand struct {
	settings
	Reference string `arg:"" help:"The reference on the refusal page."`
}

func (c traceCommand) Run(p *program) error {
	cfg, err := c.load(p, nil)
	if err != nil {
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
