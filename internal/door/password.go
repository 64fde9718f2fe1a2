package door

import (
	"context"
	"crypto/rand"
	_ "embed"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
	"golang.org/x/text/unicode/norm"

	"idms/internal/fault"
)

// A password has at least so many characters (NIST SP 800-63B-4 asks for 15 where
// it is the only factor, and 8 beside a second one) and at most so many, so that
// hashing has a bound. There are no rules of composition: they make passwords
// easier to guess.
const (
	MinPassword = 12
	MaxPassword = 128
)

// cost of one hash: the second of the settings that OWASP's Password Storage
// Cheat Sheet calls equal. Some 20 ms of one processor, 19 MiB.
var cost = argon2id.Params{Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

//go:embed common.txt
var commonText string

// common are passwords of at least MinPassword characters that everybody tries
// first, in small letters.
var common = func() map[string]bool {
	all := map[string]bool{}
	for line := range strings.Lines(commonText) {
		all[strings.TrimSpace(line)] = true
	}
	return all
}()

// CheckPassword finds every reason against a new password of this person.
func CheckPassword(password, username string) fault.Problems {
	var problems fault.Problems
	if !utf8.ValidString(password) || strings.ContainsRune(password, 0) {
		problems.Add("password", "Choose a password of characters that can be typed.")
		return problems
	}
	password = norm.NFC.String(password)
	switch length := utf8.RuneCountInString(password); {
	case length < MinPassword:
		problems.Add("password", "Choose a longer password: at least %d characters. Four words are a good one.", MinPassword)
	case length > MaxPassword:
		problems.Add("password", "Choose a shorter password: at most %d characters.", MaxPassword)
	}
	folded := strings.ToLower(password)
	if bare := strings.ToLower(username); len(bare) >= 4 && strings.Contains(folded, bare) {
		problems.Add("password", "Choose a password without the username in it.")
	}
	if common[folded] || monotonous(folded) {
		problems.Add("password", "Choose another password: this is one of those that everybody tries first.")
	}
	return problems
}

// monotonous passwords repeat one short piece, or count up or down.
func monotonous(password string) bool {
	runes := []rune(password)
	if len(runes) < 2 {
		return false
	}
	for period := 1; period <= 4; period++ {
		same := true
		for i := period; i < len(runes) && same; i++ {
			same = runes[i] == runes[i-period]
		}
		if same {
			return true
		}
	}
	for _, step := range []rune{1, -1} {
		counts := 0
		for i := 1; i < len(runes); i++ {
			if runes[i]-runes[i-1] == step {
				counts++
			}
		}
		if counts >= len(runes)-3 { // 123456789012 turns once
			return true
		}
	}
	return false
}

// Passwords hashes and compares, few at a time: each takes 19 MiB and a processor,
// and anybody can ask for it. It is safe for concurrent use.
type Passwords struct{ places chan struct{} }

// AtOnce is how many hashes are computed at a time.
const AtOnce = 2

// patience is how long a password waits for its place.
const patience = 5 * time.Second

// NewPasswords is ready for use.
func NewPasswords() *Passwords { return &Passwords{places: make(chan struct{}, AtOnce)} }

// nobody is a hash that no password has, for those who have none.
var nobody = sync.OnceValues(func() (string, error) { return argon2id.CreateHash(rand.Text(), &cost) })

// Hash is what may be kept of a password that CheckPassword has no problem with.
func (p *Passwords) Hash(ctx context.Context, password string) (string, error) {
	leave, err := p.enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	return argon2id.CreateHash(norm.NFC.String(password), &cost)
}

// Match compares a password with what is kept of one. hash is "" for somebody
// who has none, or who does not exist: that takes as long, so that nobody learns
// who is known here.
func (p *Passwords) Match(ctx context.Context, password, hash string) (bool, error) {
	if len(password) > 4*MaxPassword {
		return false, nil
	}
	leave, err := p.enter(ctx)
	if err != nil {
		return false, err
	}
	defer leave()
	if hash == "" {
		hash, err := nobody()
		if err == nil {
			_, err = argon2id.ComparePasswordAndHash(password, hash)
		}
		return false, err
	}
	return argon2id.ComparePasswordAndHash(norm.NFC.String(password), hash)
}

func (p *Passwords) enter(ctx context.Context) (leave func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case p.places <- struct{}{}:
		return func() { <-p.places }, nil
	case <-ctx.Done():
		return nil, fault.Hide(ctx.Err(), fault.Upstream, "Too many people are logging in with a password at the moment. Try again in a few seconds.")
	}
}
