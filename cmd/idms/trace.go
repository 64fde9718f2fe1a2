package main

type traceCommand struct {
	settings
	Reference string `arg:"" help:"The reference on the refusal page."`
	Compare   bool   `help:"Say what is different since the person last came in."`
}

func (c traceCommand) Run(p *program) error {
	house, err := c.lookInto(p)
	if err != nil {
		return err
	}
	defer house.Close()
	if c.Compare {
		compared, err := house.flow.CompareLogin(p.ctx, c.Reference)
		if err != nil {
			return err
		}
		return compared.Print(p.stdout)
	}
	told, err := house.flow.Trace(p.ctx, c.Reference)
	if err != nil {
		return err
	}
	return told.Print(p.stdout)
}
