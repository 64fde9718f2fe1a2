package main

import (
	"io"
	"strings"

	"idms/internal/fault"
	"idms/internal/store"
)

type traceCommand struct {
	settings
	Reference string `arg:"" help:"The reference on the refusal page."`
	Compare   bool   `help:"Say what is different since the person last came in."`
	Response  bool   `help:"Print what arrived, as it came, if the record keeps it. The audit trail says that you looked."`
	Reason    string `help:"Why you look at what arrived, for the audit trail."`
}

func (c traceCommand) Run(p *program) error {
	if c.Compare && c.Response {
		return fault.New(fault.Invalid, "Say either --compare or --response.")
	}
	house, err := c.lookInto(p)
	if err != nil {
		return err
	}
	defer house.Close()
	switch {
	case c.Compare:
		compared, err := house.flow.CompareLogin(p.ctx, c.Reference)
		if err != nil {
			return err
		}
		return compared.Print(p.stdout)
	case c.Response:
		kept, err := house.store.Trace(p.ctx, c.Reference)
		if err != nil {
			return err
		}
		posted, err := house.store.ReadResponse(p.ctx, kept.Ref, p.byServer(c.Reason))
		if err != nil {
			return err
		}
		return printResponse(p.stdout, posted, isTerminal(p.stdout))
	}
	told, err := house.flow.Trace(p.ctx, c.Reference)
	if err != nil {
		return err
	}
	return told.Print(p.stdout)
}

// printResponse prints the document that arrived byte for byte, or what was posted
// when it is none. Anybody can post anything: to a terminal no control character
// goes.
func printResponse(w io.Writer, posted store.Arrived, terminal bool) error {
	text := string(posted)
	if message, ok := posted.Message(); ok {
		text = string(message)
	}
	if terminal {
		lines := strings.Split(text, "\n")
		for i, line := range lines {
			lines[i] = clean(line)
		}
		text = strings.Join(lines, "\n") + "\n"
	}
	_, err := io.WriteString(w, text)
	return err
}
