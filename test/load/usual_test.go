package load

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
	"github.com/libtnb/sqlite"
	saml2 "github.com/russellhaering/gosaml2"
	dsig "github.com/russellhaering/goxmldsig"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"idms/internal/samltest"
)

// usual is a login as it is written when nobody measures: echo for the web,
// gosaml2 for the response, gorm for every row, and the rules read and compiled
// when they are needed. It keeps what idms keeps, in one transaction, and
// refuses what must be refused; it seals nothing, and tells less when it
// refuses.
type usual struct {
	*echo.Echo
	provider *provider
	db       *gorm.DB
	sp       *saml2.SAMLServiceProvider
	// rows keeps every finding as a row of its own; otherwise all of a login's are
	// one JSON document.
	rows bool
}

type usualRule struct {
	ID                 uint `gorm:"primaryKey"`
	Part, Key          string
	Attribute, Pattern string
	WantsNone          bool
	Level              int
	GroupKey           string
	compiled           *regexp.Regexp `gorm:"-"`
	found              bool           `gorm:"-"`
	decidingValue      string         `gorm:"-"`
}

type usualUser struct {
	ID        string `gorm:"primaryKey"`
	Username  string `gorm:"uniqueIndex"`
	Email     string
	FirstName string
	LastName  string
	NameID    string
	Created   time.Time
	LastSeen  time.Time
}

type usualMembership struct {
	UserID   string `gorm:"primaryKey"`
	GroupKey string `gorm:"primaryKey"`
	Source   string
	Since    time.Time
}

type usualPending struct {
	TokenHash []byte `gorm:"primaryKey"`
	RequestID string
	Expires   time.Time `gorm:"index"`
}

type usualAssertion struct {
	ID      string    `gorm:"primaryKey"`
	Expires time.Time `gorm:"index"`
}

type usualSession struct {
	ID        string `gorm:"primaryKey"`
	TokenHash []byte `gorm:"uniqueIndex"`
	UserID    string `gorm:"index"`
	Level     int
	Opened    time.Time
	Expires   time.Time `gorm:"index"`
}

type usualTrace struct {
	ID       string    `gorm:"primaryKey"`
	At       time.Time `gorm:"index"`
	UserID   string    `gorm:"index"`
	Admitted bool
	Document string
}

type usualFinding struct {
	ID      uint   `gorm:"primaryKey"`
	TraceID string `gorm:"index"`
	Part    string
	RuleKey string
	Found   bool
	Value   string
}

type usualEvent struct {
	ID      string    `gorm:"primaryKey"`
	At      time.Time `gorm:"index"`
	Action  string
	UserID  string `gorm:"index"`
	TraceID string
	Address string
}

// newUsual starts the usual way on a PostgreSQL database, or on a SQLite file
// with the settings of ours when database is "".
func newUsual(tb testing.TB, database string, many int, rows bool) *usual {
	tb.Helper()
	dialect := postgres.Open(database)
	if database == "" {
		dialect = sqlite.New(sqlite.Config{DriverName: "sqlite", DSN: "file:" + filepath.Join(tb.TempDir(), "usual.sqlite") +
			"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=foreign_keys(1)&_txlock=immediate"})
	}
	db, err := gorm.Open(dialect, &gorm.Config{Logger: logger.Discard})
	check(tb, err)
	pool, err := db.DB()
	check(tb, err)
	pool.SetMaxOpenConns(16)
	pool.SetMaxIdleConns(16)
	tb.Cleanup(func() { _ = pool.Close() })
	check(tb, db.AutoMigrate(&usualRule{}, &usualUser{}, &usualMembership{}, &usualPending{}, &usualAssertion{},
		&usualSession{}, &usualTrace{}, &usualFinding{}, &usualEvent{}))

	rules := []usualRule{
		{Part: "validation", Key: "not-suspended", Attribute: "status", Pattern: "^suspended$", WantsNone: true},
		{Part: "access", Key: "admins", Attribute: "groups", Pattern: "^admins$", Level: 2},
		{Part: "access", Key: "everyone", Attribute: "username", Pattern: ".", Level: 1},
	}
	for _, name := range groupNames(many) {
		rules = append(rules, usualRule{Part: "association", Key: name, Attribute: "groups", Pattern: "^" + name + "$", GroupKey: name})
	}
	check(tb, db.Create(&rules).Error)

	u := &usual{Echo: echo.New(), provider: newProvider(origin, many), db: db, rows: rows}
	key := samltest.Key(samltest.Service)
	u.sp = &saml2.SAMLServiceProvider{
		IdentityProviderIssuer:      u.provider.EntityID,
		IdentityProviderSSOURL:      u.provider.SSO,
		ServiceProviderIssuer:       u.provider.sp.EntityID,
		AssertionConsumerServiceURL: u.provider.sp.ACS,
		AudienceURI:                 u.provider.sp.Audience,
		IDPCertificateStore:         &dsig.MemoryX509CertificateStore{Roots: u.provider.SAML().Certificates},
		SPKeyStore:                  dsig.TLSCertKeyStore{Certificate: [][]byte{key.Certificate.Raw}, PrivateKey: key.Private},
		Clock:                       dsig.NewFakeClockAt(noon),
	}
	u.POST("/saml/corp/acs", u.complete)
	return u
}

func (u *usual) prepare(tb testing.TB, person string) *http.Request {
	tb.Helper()
	token, hash := usualToken()
	pending := usualPending{TokenHash: hash, RequestID: "_" + uuid.NewString(), Expires: noon.Add(10 * time.Minute)}
	check(tb, u.db.Create(&pending).Error)
	return post(u.provider.answer(pending.RequestID, person, noon, time.Hour), &http.Cookie{Name: "pending", Value: token})
}

func (u *usual) memberships(tb testing.TB, person string) int {
	tb.Helper()
	var count int64
	check(tb, u.db.Model(&usualMembership{}).Joins("JOIN usual_users u ON u.id = user_id").Where("u.username = ?", person).Count(&count).Error)
	return int(count)
}

func usualToken() (token string, hash []byte) {
	var random [32]byte
	rand.Read(random[:])
	sum := sha256.Sum256(random[:])
	return base64.RawURLEncoding.EncodeToString(random[:]), sum[:]
}

var errRefused = echo.NewHTTPError(http.StatusForbidden)

// complete is the ACS.
func (u *usual) complete(c echo.Context) error {
	cookie, err := c.Cookie("pending")
	if err != nil {
		return errRefused
	}
	random, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil {
		return errRefused
	}
	hash := sha256.Sum256(random)
	var pending usualPending
	if err := u.db.First(&pending, "token_hash = ? AND expires > ?", hash[:], noon).Error; err != nil {
		return errRefused
	}
	info, err := u.sp.RetrieveAssertionInfo(c.FormValue("SAMLResponse"))
	if err != nil || info.WarningInfo.InvalidTime || info.WarningInfo.NotInAudience || len(info.Assertions) != 1 {
		return errRefused
	}
	confirmed := info.Assertions[0].Subject.SubjectConfirmation.SubjectConfirmationData
	if confirmed == nil || confirmed.InResponseTo != pending.RequestID {
		return errRefused
	}
	attributes := map[string][]string{}
	for name := range info.Values {
		attributes[name] = info.Values.GetAll(name)
	}
	token, tokenHash := usualToken()
	err = u.db.Transaction(func(tx *gorm.DB) error {
		return u.admit(tx, c, info, pending, attributes, tokenHash)
	})
	if err != nil {
		return err
	}
	c.SetCookie(&http.Cookie{Name: "idms_session", Value: token, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	return c.Redirect(http.StatusSeeOther, "/")
}

func (u *usual) admit(tx *gorm.DB, c echo.Context, info *saml2.AssertionInfo, pending usualPending, attributes map[string][]string, tokenHash []byte) error {
	if used := tx.Delete(&pending); used.Error != nil || used.RowsAffected != 1 {
		return errors.Join(used.Error, errRefused)
	}
	if err := tx.Create(&usualAssertion{ID: info.Assertions[0].ID, Expires: noon.Add(time.Hour)}).Error; err != nil {
		return errRefused
	}
	var rules []usualRule
	if err := tx.Order("id").Find(&rules).Error; err != nil {
		return err
	}
	level := 0
	wanted := map[string]bool{}
	for i := range rules {
		rule := &rules[i]
		var err error
		if rule.compiled, err = regexp.Compile(rule.Pattern); err != nil {
			return err
		}
		for _, value := range attributes[rule.Attribute] {
			if rule.compiled.MatchString(value) {
				rule.found, rule.decidingValue = true, value
				break
			}
		}
		switch {
		case rule.Part == "validation" && rule.found == rule.WantsNone:
			return errRefused
		case rule.Part == "access" && rule.found:
			level = max(level, rule.Level)
		case rule.Part == "association" && rule.found:
			wanted[rule.GroupKey] = true
		}
	}
	if level == 0 {
		return errRefused
	}

	one := func(name string) string {
		if values := attributes[name]; len(values) > 0 {
			return values[0]
		}
		return ""
	}
	var user usualUser
	err := tx.First(&user, "username = ?", one("username")).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		user = usualUser{ID: uuid.NewString(), Username: one("username"), Created: noon}
	} else if err != nil {
		return err
	}
	user.Email, user.FirstName, user.LastName = one("email"), one("first_name"), one("last_name")
	user.NameID, user.LastSeen = info.NameID, noon
	if err := tx.Save(&user).Error; err != nil {
		return err
	}

	var have []usualMembership
	if err := tx.Find(&have, "user_id = ?", user.ID).Error; err != nil {
		return err
	}
	for _, membership := range have {
		if !wanted[membership.GroupKey] {
			if err := tx.Delete(&membership).Error; err != nil {
				return err
			}
		}
	}
	for group := range wanted {
		if slices.ContainsFunc(have, func(m usualMembership) bool { return m.GroupKey == group }) {
			continue
		}
		if err := tx.Create(&usualMembership{UserID: user.ID, GroupKey: group, Source: "corp", Since: noon}).Error; err != nil {
			return err
		}
	}

	if err := tx.Create(&usualSession{ID: uuid.NewString(), TokenHash: tokenHash, UserID: user.ID, Level: level,
		Opened: noon, Expires: noon.Add(12 * time.Hour)}).Error; err != nil {
		return err
	}
	trace := usualTrace{ID: uuid.NewString(), At: noon, UserID: user.ID, Admitted: true}
	findings := make([]usualFinding, len(rules))
	for i, rule := range rules {
		findings[i] = usualFinding{TraceID: trace.ID, Part: rule.Part, RuleKey: rule.Key, Found: rule.found, Value: rule.decidingValue}
	}
	document := map[string]any{"attributes": attributes}
	if !u.rows {
		document["findings"] = findings
	}
	text, err := json.Marshal(document)
	if err != nil {
		return err
	}
	trace.Document = string(text)
	if err := tx.Create(&trace).Error; err != nil {
		return err
	}
	if u.rows {
		for i := range findings {
			if err := tx.Create(&findings[i]).Error; err != nil {
				return err
			}
		}
	}
	return tx.Create(&usualEvent{ID: uuid.NewString(), At: noon, Action: "logged_in", UserID: user.ID, TraceID: trace.ID, Address: c.RealIP()}).Error
}
