package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"idms/internal/roles"
	"idms/internal/tokens"
)

func (a *API) tokenRoutes() {
	route(a, huma.Operation{OperationID: "list-tokens", Method: http.MethodGet, Path: "/tokens", Summary: "List tokens by name"}, a.listTokens)
	route(a, takes[tokenDocument](a, huma.Operation{OperationID: "create-token", Method: http.MethodPost, Path: "/tokens",
		Summary: "Make a token", Description: "Its secret is in this answer and nowhere else.", DefaultStatus: http.StatusCreated}, maxSmall), a.createToken)
	route(a, huma.Operation{OperationID: "revoke-token", Method: http.MethodDelete, Path: "/tokens/{token}", Summary: "Revoke a token, by its id or its name"}, a.revokeToken)
}

// tokenDocument is a token that somebody asks for.
type tokenDocument struct {
	Name    string    `json:"name"`
	Role    string    `json:"role"`
	Expires time.Time `json:"expires"`
}

// TokenSummary is a token without its secret.
type TokenSummary struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	Role     roles.Role `json:"role" enum:"owner,editor,reader"`
	Created  time.Time  `json:"created"`
	By       string     `json:"created_by"`
	Expires  time.Time  `json:"expires"`
	LastUsed *time.Time `json:"last_used" doc:"exact to a minute; null: never"`
}

func tokenSummaryOf(t tokens.Token) TokenSummary {
	return TokenSummary{t.ID, t.Name, t.Role, t.Created, t.By, t.Expires, instantOrNull(t.Used)}
}

type tokensAnswer struct{ Body tokenItems }

type tokenItems struct {
	Items []TokenSummary `json:"items"`
}

func (a *API) listTokens(ctx context.Context, _ *struct{}) (*tokensAnswer, error) {
	all, err := a.Flow.Store.Tokens(ctx)
	if err != nil {
		return nil, err
	}
	items := []TokenSummary{}
	for _, token := range all {
		items = append(items, tokenSummaryOf(token))
	}
	return &tokensAnswer{tokenItems{items}}, nil
}

type newToken struct {
	TokenSummary
	Secret string `json:"token" doc:"what to send as bearer; shown this once"`
}

type newTokenAnswer struct{ Body newToken }

func (a *API) createToken(ctx context.Context, in *struct{ Reasoned }) (*newTokenAnswer, error) {
	document, problems := read[tokenDocument](ctx)
	token := tokens.Token{Name: document.Name, Role: roles.Role(document.Role), Expires: document.Expires}
	if err := invalid(merged(problems, token.Check(a.Clock()))); err != nil {
		return nil, err
	}
	by, err := a.author(ctx, in.Reasoned)
	if err != nil {
		return nil, err
	}
	secret, hash := tokens.New()
	kept, err := a.Flow.Store.CreateToken(ctx, token, hash, by)
	if err != nil {
		return nil, err
	}
	return &newTokenAnswer{newToken{tokenSummaryOf(kept), secret}}, nil
}

func (a *API) revokeToken(ctx context.Context, in *struct {
	Token string `path:"token"`
	Reasoned
}) (*nothing, error) {
	by, err := a.author(ctx, in.Reasoned)
	if err != nil {
		return nil, err
	}
	_, err = a.Flow.Store.RevokeToken(ctx, in.Token, by)
	return nil, err
}
