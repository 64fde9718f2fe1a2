package saml_test

import (
	"fmt"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"idms/internal/saml"
	"idms/internal/samltest"
)

// The responses of the benchmarks: "A" sends groups as Entra ID does, one
// Attribute with many values, and "K" as Keycloak does, one typed Attribute for
// each; the number is how many groups.
func benchmarkAnswers() []struct {
	name       string
	scene      samltest.Scene
	message    []byte
	gosaml2    bool // it is within what gosaml2 can read
	onlySigned bool // one signature, nothing encrypted
} {
	const millis = "2006-01-02T15:04:05.000Z07:00"
	const claims = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"

	entra := samltest.NewIdP("https://sts.windows.net/9d1a3c52-0b5e-4c83-8d3e-0d7c2a4f1b6e/")
	entra.Dialect = samltest.Dialect{Assertion: samltest.NoPrefix, Signature: samltest.NoPrefix, Time: millis}
	a := samltest.SceneFor(entra, now)
	a.Settings.LegacyCBC = true
	answerA := func(n int) samltest.Answer {
		groups := make([]string, n)
		for i := range groups {
			groups[i] = fmt.Sprintf("5f2c7a10-1d3e-4b68-9a57-%012x", i+1)
		}
		return samltest.For(a.SP).At(now).To(a.Expect.Requests[0]).With(func(answer *samltest.Answer) {
			answer.NameID = saml.NameID{Value: "ada@corp.test", Format: samltest.FormatEmail}
			answer.Attributes = []samltest.Attribute{
				{Name: "http://schemas.microsoft.com/identity/claims/tenantid", Values: []string{"9d1a3c52-0b5e-4c83-8d3e-0d7c2a4f1b6e"}},
				{Name: "http://schemas.microsoft.com/identity/claims/objectidentifier", Values: []string{"0b9c6f4e-7a2d-4f5b-8c1e-3d6a9e2f7b40"}},
				{Name: claims + "givenname", Values: []string{"Ada"}},
				{Name: claims + "surname", Values: []string{"Lovelace"}},
				{Name: claims + "emailaddress", Values: []string{"ada@corp.test"}},
				{Name: claims + "name", Values: []string{"ada@corp.test"}},
				{Name: "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups", Values: groups},
			}
		})
	}

	keycloak := samltest.NewIdP("https://sso.corp.test/realms/corp")
	keycloak.Dialect = samltest.Dialect{Rootward: true, Signature: "dsig", Type: "xs:string", Time: millis}
	k := samltest.SceneFor(keycloak, now)
	answerK := func(n int) samltest.Answer {
		return samltest.For(k.SP).At(now).To(k.Expect.Requests[0]).Person("ada").
			AttributeAs(samltest.Attribute{Name: "Role", NameFormat: "urn:oasis:names:tc:SAML:2.0:attrname-format:basic",
				Values: samltest.Groups(n), Apart: true})
	}

	type answer = struct {
		name       string
		scene      samltest.Scene
		message    []byte
		gosaml2    bool
		onlySigned bool
	}
	return []answer{
		{"A20", a, a.Respond(answerA(20)), true, true},
		{"A200", a, a.Respond(answerA(200)), true, true},
		{"K20", k, k.Respond(answerK(20)), true, true},
		{"K200", k, k.Respond(answerK(200)), true, true},
		{"A1000", a, a.Respond(answerA(1000)), false, true}, // over goxmldsig's element limit as gosaml2 calls it
		{"A20-both-signed", a, a.Respond(answerA(20).Sign(samltest.SignBoth)), true, false},
		{"A20-encrypted-GCM", a, a.Respond(answerA(20).Encrypt(samltest.Encryption{Data: samltest.AES256GCM})), true, false},
		{"A20-encrypted-CBC", a, a.Respond(answerA(20).Encrypt(samltest.Encryption{Data: samltest.AES256CBC})), true, false},
	}
}

// BenchmarkValidate verifies one response, from the form field to the
// attributes. Beside each of ours gosaml2 verifies the same one: x_vs_gosaml2
// says how many times more processor time it takes, alloc_vs_gosaml2 which part
// of its bytes we allocate. The two take turns, because a shared machine
// drifts.
func BenchmarkValidate(b *testing.B) {
	for _, answer := range benchmarkAnswers() {
		b.Run(answer.name, func(b *testing.B) {
			verifier := verifierOf(answer.scene)
			field := samltest.Base64(answer.message)
			limit := saml.DefaultLimits().Message
			ours := func() {
				message, refused := saml.DecodePost(field, limit)
				if refused != nil {
					b.Fatal(refused)
				}
				if got := verifier.Verify(message, answer.scene.Expect); !got.Accepted {
					b.Fatal(got.Steps.Refusal())
				}
			}
			sp := gosaml2(answer.scene)
			theirs := func() {
				if _, err := sp.RetrieveAssertionInfo(field); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			if !answer.gosaml2 {
				took := measure(b.N, ours)
				b.ReportMetric(took.cpuMicros(), "cpu-µs/op")
				return
			}
			// Rounds of a few: short enough to drift together.
			const round = 8
			var us, them cost
			for done := 0; done < b.N; done += round {
				us.add(measure(min(round, b.N-done), ours))
				b.StopTimer()
				them.add(measure(min(round, b.N-done), theirs))
				b.StartTimer()
			}
			b.ReportMetric(us.cpuMicros(), "cpu-µs/op")
			b.ReportMetric(them.cpuMicros(), "gosaml2-cpu-µs/op")
			b.ReportMetric(them.cpuMicros()/us.cpuMicros(), "x_vs_gosaml2")
			b.ReportMetric(float64(us.bytes)/float64(them.bytes), "alloc_vs_gosaml2")
		})
	}
}

// BenchmarkValidateBesideXmlsec1 compares with libxmlsec1, which is C and only
// parses a file and verifies its signature: what we need more is ours to give.
func BenchmarkValidateBesideXmlsec1(b *testing.B) {
	x := newXmlsec1(b)
	for _, answer := range benchmarkAnswers() {
		if !answer.onlySigned {
			continue
		}
		b.Run(answer.name, func(b *testing.B) {
			verifier := verifierOf(answer.scene)
			field := samltest.Base64(answer.message)
			path := x.write("message.xml", answer.message)
			theirs := func(repeat int) cost {
				command := exec.Command(x.program, "--verify", "--repeat", strconv.Itoa(repeat),
					"--enabled-key-data", "key-name", "--pubkey-cert-pem", x.key(samltest.Signer),
					"--id-attr:ID", "urn:oasis:names:tc:SAML:2.0:assertion:Assertion", path)
				if said, err := command.CombinedOutput(); err != nil {
					b.Fatalf("%v\n%s", err, said)
				}
				return cost{runs: repeat, cpu: command.ProcessState.UserTime() + command.ProcessState.SystemTime()}
			}
			const round = 200
			var us, them cost
			for done := 0; done < b.N; done += round {
				us.add(measure(min(round, b.N-done), func() {
					message, _ := saml.DecodePost(field, 2<<20)
					if !verifier.Verify(message, answer.scene.Expect).Accepted {
						b.Fatal("refused")
					}
				}))
				b.StopTimer()
				start := theirs(1)
				many := theirs(round + 1)
				them.add(cost{runs: round, cpu: many.cpu - start.cpu})
				b.StartTimer()
			}
			b.ReportMetric(us.cpuMicros(), "cpu-µs/op")
			b.ReportMetric(them.cpuMicros(), "xmlsec1-cpu-µs/op")
			b.ReportMetric(us.cpuMicros()/them.cpuMicros(), "x_of_xmlsec1")
		})
	}
}

// BenchmarkHostile refuses bombs: time and bytes for each KiB of message.
func BenchmarkHostile(b *testing.B) {
	scene := samltest.NewScene(now)
	verifier := verifierOf(scene)
	for _, bomb := range samltest.Bombs(scene) {
		b.Run(bomb.Name, func(b *testing.B) {
			kib := float64(len(bomb.Message))/1024 + 1
			took := measure(b.N, func() {
				verifier.Verify(bomb.Message, bomb.Expect)
			})
			b.ReportMetric(took.cpuMicros()/kib, "cpu-µs/KiB")
			b.ReportMetric(float64(took.bytes)/float64(took.runs)/kib, "B/KiB")
		})
	}
}

// cost is what some runs took of the processor, collecting garbage included,
// and how many bytes they allocated.
type cost struct {
	runs  int
	cpu   time.Duration
	bytes uint64
}

func (c *cost) add(other cost) {
	c.runs, c.cpu, c.bytes = c.runs+other.runs, c.cpu+other.cpu, c.bytes+other.bytes
}

func (c cost) cpuMicros() float64 {
	return float64(c.cpu) / float64(c.runs) / float64(time.Microsecond)
}

func measure(runs int, run func()) cost {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := processorTime()
	for range runs {
		run()
	}
	took := processorTime() - start
	runtime.ReadMemStats(&after)
	return cost{runs, took, after.TotalAlloc - before.TotalAlloc}
}

// processorTime is what this process has used so far, in user and system mode.
func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
