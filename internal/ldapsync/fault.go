package ldapsync

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strings"
	"syscall"
	"unicode"

	"github.com/go-ldap/ldap/v3"

	"idms/internal/fault"
)

// Phase is what was being done when a fault struck, or what is going on now.
type Phase string

const (
	Connecting    Phase = "connect"
	Binding       Phase = "bind"
	ReadingPeople Phase = "people"
	ReadingGroups Phase = "groups"
	ReadingRest   Phase = "ranges" // further members of groups whose list came in parts
	Assembling    Phase = "assemble"
	LookingUp     Phase = "look_up"
)

// FaultCode is the stable name of one kind of fault. docs/reference/directory-sync.md
// lists them.
type FaultCode string

const (
	SettingsInvalid FaultCode = "settings_invalid"  // Check has problems with them
	Unreachable     FaultCode = "unreachable"       // no host answered
	TLSFailed       FaultCode = "tls_failed"        // the certificate, or the protocol
	BindRefused     FaultCode = "bind_refused"      // wrong name or password
	NotAllowed      FaultCode = "not_allowed"       // insufficient access rights, or no name was given
	NoSuchBase      FaultCode = "no_such_base"      // the base is not there, or not to be seen
	SizeLimit       FaultCode = "size_limit"        // 4, or the limits of this program
	TimeLimit       FaultCode = "time_limit"        // 3
	Busy            FaultCode = "busy"              // 51
	Unavailable     FaultCode = "unavailable"       // 52
	Referred        FaultCode = "referred"          // 10: somebody else has what was asked for
	PagingLost      FaultCode = "paging_lost"       // no cookie, or none that the directory knows
	RangeGap        FaultCode = "range_gap"         // members of a group are missing
	Malformed       FaultCode = "malformed"         // no LDAP, or not an answer to what was asked
	Dropped         FaultCode = "dropped"           // the connection ended
	Late            FaultCode = "late"              // no answer in time
	Stopped         FaultCode = "stopped"           // we were told to stop
	TooManyFaulty   FaultCode = "too_many_faulty"   // more than 1 % of the entries (L5)
	Refused         FaultCode = "directory_refused" // any other result code
)

// Fault is why a directory could not be read, or not wholly. It is what Read,
// LookUp and the tests fail with; errors.As finds it.
type Fault struct {
	Phase    Phase
	Page     int    // from 1; 0 outside of paged reading
	Host     string // host:port; "" before one was chosen
	Code     FaultCode
	Sentence string // for the administrator
	cause    error
}

func (f *Fault) Error() string {
	where := string(f.Phase)
	if f.Page > 0 {
		where = fmt.Sprintf("%s, page %d", where, f.Page)
	}
	if f.Host != "" {
		where += ", " + f.Host
	}
	text := fmt.Sprintf("directory: %s: %s (%s)", where, f.Sentence, f.Code)
	if f.cause != nil {
		text += ": " + bounded(f.cause.Error(), maxDiagnostic)
	}
	return text
}

// Unwrap also finds an error of package fault, with the sentence for who asked.
func (f *Fault) Unwrap() []error {
	shown := fault.New(fault.Upstream, "%s", f.Sentence)
	if f.cause == nil {
		return []error{shown}
	}
	return []error{shown, f.cause}
}

// maxDiagnostic bounds, in bytes, what is repeated of a server's own text.
const maxDiagnostic = 512

// bounded makes text of a directory fit for a log and a page: at most so many
// bytes, and without control characters.
func bounded(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\ufffd"))
	if len(text) > most {
		const cut = "…"
		text = strings.ToValidUTF8(text[:most-len(cut)], "") + cut
	}
	return strings.TrimSpace(text)
}

// activeDirectoryReason is the sub-code within the text of a refused bind
// ([MS-ADTS] 5.1.1; the numbers are Windows error codes in hexadecimal).
var activeDirectoryReason = regexp.MustCompile(`\bdata ([0-9a-fA-F]{3,8})\b`)

var activeDirectoryReasons = map[string]string{
	"525": "There is no account of this name.",
	"52e": "The name or the password is wrong.",
	"530": "The account may not log in at this time of day.",
	"531": "The account may not log in from this computer.",
	"532": "The account's password has expired.",
	"533": "The account is disabled.",
	"534": "The account may not log in this way.",
	"701": "The account has expired.",
	"773": "The account must change its password before it may log in.",
	"775": "The account is locked out after too many wrong passwords.",
}

// refusal says why a bind failed.
func refusal(err *ldap.Error) string {
	text := err.Error()
	if found := activeDirectoryReason.FindStringSubmatch(text); found != nil {
		if sentence, ok := activeDirectoryReasons[strings.ToLower(found[1])]; ok {
			return sentence
		}
	}
	return "The directory refuses the bind DN or its password."
}

// blame makes a Fault of whatever went wrong. An err that is one already keeps
// its code and sentence, and gets the place where it lacks one.
func blame(ctx context.Context, err error, phase Phase, page int, host string) error {
	if err == nil {
		return nil
	}
	if known, ok := errors.AsType[*Fault](err); ok {
		if known.Phase == "" {
			known.Phase, known.Page = phase, page
		}
		if known.Host == "" {
			known.Host = host
		}
		return known
	}
	f := &Fault{Phase: phase, Page: page, Host: host, cause: err}
	f.Code, f.Sentence = diagnose(ctx, err, phase)
	return f
}

func diagnose(ctx context.Context, err error, phase Phase) (FaultCode, string) {
	// A context that ended closes the connection, so what the connection says
	// then is not the reason.
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return Stopped, "The reading was stopped."
	case ctx.Err() != nil:
		return Late, "The directory could not be read within the time that the record allows."
	}
	if answer, ok := errors.AsType[*ldap.Error](err); ok {
		if code, sentence, known := diagnoseResult(answer, phase); known {
			return code, sentence
		}
	}
	if certificate, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return TLSFailed, "The directory's certificate is not accepted: " + distrust(certificate)
	}
	network, isNetwork := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), isNetwork && network.Timeout():
		return Late, "The directory did not answer in time."
	case phase == Connecting && strings.Contains(err.Error(), "tls: "):
		return TLSFailed, "No TLS connection could be made with the directory."
	case phase == Connecting:
		return Unreachable, "The directory cannot be reached."
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return Dropped, "The directory closed the connection before its answer was complete."
	}
	return Malformed, "The directory's answer cannot be understood."
}

// diagnoseResult reads a result code (RFC 4511 appendix A).
func diagnoseResult(answer *ldap.Error, phase Phase) (code FaultCode, sentence string, known bool) {
	switch answer.ResultCode {
	case ldap.LDAPResultTimeLimitExceeded, ldap.LDAPResultAdminLimitExceeded:
		return TimeLimit, "The directory stopped at its own time or administrative limit. Raise it for the bind DN, or read smaller pages.", true
	case ldap.LDAPResultSizeLimitExceeded:
		return SizeLimit, "The directory stopped at its own size limit, so that the answer is not whole. Raise it for the bind DN.", true
	case ldap.LDAPResultBusy:
		return Busy, "The directory is busy.", true
	case ldap.LDAPResultUnavailable:
		return Unavailable, "The directory is shutting down or not yet up.", true
	case ldap.LDAPResultReferral:
		return Referred, "The directory refers to another server for this base. Name that one as the host: referrals are not followed.", true
	case ldap.LDAPResultNoSuchObject:
		return NoSuchBase, "The base does not exist in the directory, or the bind DN may not see it.", true
	case ldap.LDAPResultInvalidDNSyntax:
		return NoSuchBase, "The directory does not take the base for a name.", true
	case ldap.LDAPResultInvalidCredentials:
		return BindRefused, refusal(answer), true
	case ldap.LDAPResultInappropriateAuthentication, ldap.ErrorEmptyPassword:
		return BindRefused, "The bind DN needs a password.", true
	case ldap.LDAPResultConfidentialityRequired, ldap.LDAPResultStrongAuthRequired:
		return NotAllowed, "The directory wants TLS. Choose ldaps or starttls.", true
	case ldap.LDAPResultInsufficientAccessRights:
		return NotAllowed, "The bind DN may not read this part of the directory.", true
	case ldap.LDAPResultOperationsError:
		if strings.Contains(answer.Error(), "successful bind must be completed") {
			return NotAllowed, "The directory answers only those who give a name. Set a bind DN and its password.", true
		}
	case ldap.LDAPResultUnwillingToPerform, ldap.LDAPResultUnavailableCriticalExtension, ldap.LDAPResultProtocolError:
		if phase == ReadingPeople || phase == ReadingGroups {
			return PagingLost, "The directory does not go on with the pages it began.", true
		}
	}
	if answer.ResultCode >= 1 && answer.ResultCode < ldap.ErrorNetwork {
		return Refused, fmt.Sprintf("The directory refuses with result code %d, %s.", answer.ResultCode, ldap.LDAPResultCodeMap[answer.ResultCode]), true
	}
	return "", "", false
}

func distrust(err error) string {
	switch {
	case isA[x509.HostnameError](err):
		return "it is for another name than the host's. Name the host as the certificate does."
	case isA[x509.UnknownAuthorityError](err):
		return "who issued it is not known here. Paste the certificate of the CA."
	case isA[x509.CertificateInvalidError](err):
		if invalid, _ := errors.AsType[x509.CertificateInvalidError](err); invalid.Reason == x509.Expired {
			return "it has expired, or is not valid yet."
		}
	}
	return "it is not valid."
}

func isA[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}
