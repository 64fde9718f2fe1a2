package web

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"idms/internal/console"
	"idms/internal/door"
	"idms/internal/fault"
	"idms/internal/login"
	"idms/internal/session"
	"idms/internal/store"
	"idms/internal/users"
)

// securitySamples are the states of how local people prove who they are.
func securitySamples(around func(title string) frame, now time.Time) []sample {
	party, _ := door.PartyAt("Cloud portal", "https://login.example.com")
	toScan := &offer{Secret: "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ", Raw: "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
		Path: "M4 4h7v7h-7zM14 4h1v3h-1zM18 4h7v7h-7zM4 18h7v7h-7zM14 14h5v5h-5z", Side: 29}
	var codes []string
	for i := range door.Recoveries {
		codes = append(codes, fmt.Sprintf("k3v9-q1x7-m2p8-w4z%d", i))
	}
	opened := func(id string, level console.Level, ago time.Duration) session.Session {
		return session.Session{ID: id, Level: level, Opened: now.Add(-ago), Seen: now.Add(-ago / 3)}
	}
	ada := login.Visitor{Account: users.Account{Profile: users.Profile{Username: "ada"}}, Session: session.Session{ID: "here"}, Local: true}
	bare := login.Factors{Proved: true, Sessions: []session.Session{opened("here", console.Restricted, time.Hour)}}
	both := login.Factors{Proved: true, Authenticator: true, Recoveries: 3,
		Sessions: []session.Session{opened("here", console.Full, time.Hour), opened("there", console.Restricted, 9*time.Hour)},
		Passkeys: []store.Passkey{
			{ID: "1", Passkey: door.Passkey{Synced: true}, Host: "login.example.com", Name: "Telephone", Made: now.AddDate(0, -3, 0), Used: now.Add(-time.Hour)},
			{ID: "2", Host: "login.example.com", Name: "مفتاح الأمان", Made: now.AddDate(0, 0, -2)},
			{ID: "3", Host: "old-login-with-a-long-name.example.com", Name: strings.Repeat("Schlüsselbund", 5), Made: now.AddDate(-1, 0, 0), Used: now.AddDate(0, -2, 0)},
		}}
	unproved := both
	unproved.Proved, unproved.Sessions = false, bare.Sessions
	full := both
	for i := len(full.Passkeys); i < door.MaxPasskeys; i++ {
		full.Passkeys = append(full.Passkeys, store.Passkey{ID: fmt.Sprint(i + 1), Host: party.Host, Name: fmt.Sprintf("Key %d", i+1), Made: now})
	}
	page := func(has login.Factors, party door.Party, state securityState) securityPage {
		page := securityPageOf(around(securityTitle), ada, has, party, state)
		if !page.Has && page.Proved {
			page.Offer = toScan
		}
		return page
	}
	wrong := append(door.CheckPasskeyName(" "), fault.Problem{Field: "chosen", Message: door.CheckPassword("short", "ada")[0].Message})
	making := passkeyPage{frame: around("Make a passkey"), Making: true, Options: "{}", Name: sampleName}
	using := passkeyPage{frame: around("Use your passkey"), Options: "{}"}
	after := using
	after.AfterPassword, after.ReturnTo = true, "/groups"
	return []sample{
		{"security-none", http.StatusOK, page(bare, party, securityState{})},
		{"security-number", http.StatusOK, page(bare, door.Party{}, securityState{})},
		{"security-wrong-code", http.StatusUnprocessableEntity, page(bare, party, securityState{Open: true, Problem: "This is not the code that the app shows."})},
		{"security-problems", http.StatusUnprocessableEntity, page(bare, party, securityState{Name: " ", problems: wrong})},
		{"security-codes", http.StatusOK, page(both, party, securityState{Codes: codes, Notice: notices["passkey-added"]})},
		{"security-set-up", http.StatusOK, page(both, party, securityState{})},
		{"security-full", http.StatusOK, page(full, party, securityState{})},
		{"security-unproved", http.StatusOK, page(unproved, party, securityState{})},
		{"passkey-making", http.StatusOK, making},
		{"passkey-using", http.StatusOK, using},
		{"passkey-after-password", http.StatusOK, after},
	}
}
