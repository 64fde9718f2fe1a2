package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"idms/internal/upkeep"
)

type certificatesCommand struct {
	settings
	Format string `help:"text or json." enum:"text,json" default:"text"`
}

// certificateLine is upkeep.Certificate in JSON.
type certificateLine struct {
	Record      string     `json:"record"`
	Name        string     `json:"name"`
	Purpose     string     `json:"purpose"`
	Ours        bool       `json:"ours"`
	Subject     string     `json:"subject"`
	Fingerprint string     `json:"fingerprint"`
	NotBefore   time.Time  `json:"not_before"`
	NotAfter    time.Time  `json:"not_after"`
	Used        *time.Time `json:"used"`
	DaysLeft    int        `json:"days_left"`
	Warn        int        `json:"warn"`
}

func (c certificatesCommand) Run(p *program) error {
	h, err := c.lookInto(p)
	if err != nil {
		return err
	}
	defer h.Close()
	list, err := h.upkeep.Certificates(p.ctx)
	if err != nil {
		return err
	}
	if c.Format == "json" {
		lines := []certificateLine{}
		for _, one := range list {
			line := certificateLine{Record: one.Record, Name: one.Name, Purpose: one.Purpose, Ours: one.Ours, Subject: one.Subject, Fingerprint: one.Fingerprint,
				NotBefore: one.NotBefore, NotAfter: one.NotAfter, DaysLeft: one.DaysLeft, Warn: one.Warn}
			if !one.Used.IsZero() {
				line.Used = &one.Used
			}
			lines = append(lines, line)
		}
		return writeJSON(p.stdout, lines)
	}
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "RECORD\tWHAT FOR\tENDS\tDAYS\tLAST USED\tSHA-256 FINGERPRINT")
	for _, one := range list {
		used := "-"
		if !one.Used.IsZero() {
			used = one.Used.Format(minuteForm)
		}
		left := fmt.Sprint(one.DaysLeft)
		if one.Warn != 0 {
			left += " !"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", one.Record, one.Purpose, one.NotAfter.Format("2006-01-02"), left, used, one.Fingerprint)
	}
	return table.Flush()
}

type doctorCommand struct {
	settings
	Record string `arg:"" optional:"" help:"Key of the one record to look at; every one that is not disabled when not given."`
	Format string `help:"text or json." enum:"text,json" default:"text"`
}

// Run ends with exitRefused when there is a problem; warnings alone are
// exitOK.
func (c doctorCommand) Run(p *program) error {
	h, err := c.lookInto(p)
	if err != nil {
		return err
	}
	defer h.Close()
	findings, err := h.upkeep.Examine(p.ctx, c.Record)
	if err != nil {
		return err
	}
	problems, warnings := 0, 0
	for _, finding := range findings {
		switch finding.Gravity {
		case upkeep.Problem:
			problems++
		case upkeep.Warning:
			warnings++
		}
	}
	if c.Format == "json" {
		if findings == nil {
			findings = []upkeep.Finding{}
		}
		err = writeJSON(p.stdout, findings)
	} else {
		for _, finding := range findings {
			fmt.Fprintf(p.stdout, "%-7s  %s: %s: %s\n", finding.Gravity, finding.Record, finding.Check, finding.Say)
		}
		_, err = fmt.Fprintf(p.stdout, "%d problems, %d warnings.\n", problems, warnings)
	}
	if err == nil && problems > 0 {
		return errRefused
	}
	return err
}
