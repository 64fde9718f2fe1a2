package main

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"idms/internal/fault"
	"idms/internal/roles"
	"idms/internal/tokens"
)

type tokenCommand struct {
	Create tokenCreateCommand `cmd:"" help:"Make a token, and print it this once."`
	List   tokenListCommand   `cmd:"" help:"List the tokens: who may do what, until when, and when each was last used."`
	Revoke tokenRevokeCommand `cmd:"" help:"End a token at once."`
}

type tokenCreateCommand struct {
	settings
	Name    string `help:"What uses it; the audit trail names it." required:""`
	Role    string `help:"owner, editor or reader." enum:"owner,editor,reader" required:""`
	Expires string `help:"How long it lasts: 90d, 12h; at most 366d." default:"90d"`
	Reason  string `help:"Why, for the audit trail."`
	Format  string `help:"text or json. The text on standard output is the token alone." enum:"text,json" default:"text"`
}

func (c tokenCreateCommand) Run(p *program) error {
	cfg, err := c.load(p, nil)
	if err != nil {
		return err
	}
	life, err := lifeOf(c.Expires)
	if err != nil {
		return err
	}
	now := p.clock()
	token := tokens.Token{Name: c.Name, Role: roles.Role(c.Role), Expires: now.Add(life)}
	if err := token.Check(now).Err(); err != nil {
		return err
	}
	// Like apply, this may be the first command that a service ever sees.
	house, err := p.open(cfg, newLog(p.stderr, cfg))
	if err != nil {
		return err
	}
	defer house.Close()
	secret, hash := tokens.New()
	kept, err := house.store.CreateToken(p.ctx, token, hash, p.byServer(c.Reason))
	if err != nil {
		return err
	}
	if c.Format == "json" {
		return p.json(struct {
			tokenReport
			Token string `json:"token"`
		}{reportOfToken(kept), secret})
	}
	if _, err := fmt.Fprintln(p.stdout, secret); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stderr, "This is the only time that it is shown. It is %s, called %s, and ends %s.\n",
		article(kept.Role), kept.Name, kept.Expires.Format(time.RFC3339))
	return err
}

func article(role roles.Role) string {
	if role == roles.Reader {
		return "a reader"
	}
	return "an " + string(role)
}

// lifeOf reads how long a token lasts: Go's durations, and days.
func lifeOf(text string) (time.Duration, error) {
	days, isDays := strings.CutSuffix(text, "d")
	if n, err := strconv.Atoi(days); isDays && err == nil && n > 0 && n <= math.MaxInt16 {
		return time.Duration(n) * 24 * time.Hour, nil
	}
	life, err := time.ParseDuration(text)
	if err != nil || life <= 0 {
		return 0, fault.New(fault.Invalid, "--expires: write a time such as 90d or 12h.")
	}
	return life, nil
}

type tokenListCommand struct {
	settings
	Format string `help:"text or json." enum:"text,json" default:"text"`
}

func (c tokenListCommand) Run(p *program) error {
	house, err := c.lookInto(p)
	if err != nil {
		return err
	}
	defer house.Close()
	all, err := house.store.Tokens(p.ctx)
	if err != nil {
		return err
	}
	if c.Format == "json" {
		reports := []tokenReport{}
		for _, token := range all {
			reports = append(reports, reportOfToken(token))
		}
		return p.json(struct {
			Tokens []tokenReport `json:"tokens"`
		}{reports})
	}
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	for _, token := range all {
		used := "never used"
		if !token.Used.IsZero() {
			used = "used " + token.Used.Format(time.RFC3339)
		}
		ends := "ends"
		if token.Over(p.clock()) {
			ends = "ended"
		}
		fmt.Fprintf(table, "%s\t%s\t%s %s\t%s\tby %s\n", token.Name, token.Role, ends, token.Expires.Format(time.RFC3339), used, token.By)
	}
	return table.Flush()
}

type tokenRevokeCommand struct {
	settings
	Token  string `arg:"" help:"Its name or its id."`
	Reason string `help:"Why, for the audit trail."`
}

func (c tokenRevokeCommand) Run(p *program) error {
	house, err := c.lookInto(p)
	if err != nil {
		return err
	}
	defer house.Close()
	gone, err := house.store.RevokeToken(p.ctx, c.Token, p.byServer(c.Reason))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "The token %s is revoked.\n", gone.Name)
	return err
}

// tokenReport is a token in the form of the API.
type tokenReport struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	Role     roles.Role `json:"role"`
	Created  time.Time  `json:"created"`
	By       string     `json:"created_by"`
	Expires  time.Time  `json:"expires"`
	LastUsed *time.Time `json:"last_used"`
}

func reportOfToken(t tokens.Token) tokenReport {
	report := tokenReport{ID: t.ID, Name: t.Name, Role: t.Role, Created: t.Created, By: t.By, Expires: t.Expires}
	if !t.Used.IsZero() {
		report.LastUsed = &t.Used
	}
	return report
}

func (p *program) json(value any) error {
	encoder := json.NewEncoder(p.stdout)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
