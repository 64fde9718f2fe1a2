package main

type traceCommand struct {
	settings
	Reference string `arg:"" help:"The reference on the refusal page."`
}

func (c traceCommand) Run(p *program) error {
	house, err := c.lookInto(p)
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
