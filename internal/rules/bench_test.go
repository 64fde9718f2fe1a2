package rules

import (
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// cpu is the processor time this process has used.
func cpu() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// teams are what groups are called: a place, a product, a role, a number.
func team(i int) string {
	place := []string{"eu-north", "eu-west", "us-east", "ap-south"}[i%4]
	product := []string{"billing", "platform", "search", "payments", "storage", "identity", "console"}[i%7]
	role := []string{"admin", "reader", "owner", "operator", "auditor"}[i%5]
	return fmt.Sprintf("%s-%s-%s-%05d", place, product, role, i)
}

// shapes are the kinds of pattern that the benchmarks are about. The mixed one is
// a company's: mostly whole names, many prefixes and names with gaps, some
// without case, some directory names, and one in a hundred without any text.
var shapes = []struct {
	name    string
	pattern func(i int) string
}{
	{"literal", func(i int) string { return "^" + team(i) + "$" }},
	{"unanchored", func(i int) string { return team(i)[3:] }},
	{"mixed", func(i int) string {
		name := team(i)
		switch k := i % 100; {
		case k < 40:
			return "^" + name + "$"
		case k < 50:
			return "(?i)^" + strings.ToUpper(name) + "$"
		case k < 60:
			return "^" + name + ".*"
		case k < 70:
			return name[3:]
		case k < 75:
			return "^CN=" + name + ",OU=Groups,.*DC=example,DC=com$"
		case k < 80:
			return "(?i)cn=" + name + ","
		case k < 85:
			return "^" + name[:8] + ".*" + name[8:] + "$"
		case k < 90:
			return "^" + name + "-(read|write|own)$"
		case k < 95:
			return `\b` + name + `\b`
		case k < 99:
			return "^" + name + "-[0-9]+$"
		}
		return fmt.Sprintf("^[a-z]+[0-9]{%d}$", 2+i/100%50)
	}},
	{"residual", func(i int) string {
		parts := []string{"[a-z]+", "[0-9]+", "[a-z]{2}", `\d{3,5}`, `\w*`, "[^-]+", "[A-Z]?", "[[:alnum:]]", ".+", "[a-f0-9]{4}"}
		return "^" + parts[i%10] + "-" + parts[i/10%10] + "[-_]" + parts[i/100%10] + parts[i/1000%10] + "$"
	}},
}

func benchRules(b testing.TB, n int, pattern func(int) string) []Rule {
	list := make([]Rule, n)
	for i := range list {
		p, err := ParsePattern(pattern(i), Options{})
		if err != nil {
			b.Fatal(err)
		}
		list[i] = Rule{Key: fmt.Sprint("rule-", i), Attribute: "groups", Pattern: p}
	}
	return list
}

// benchValues are a person's groups: one in ten is named by a rule, the others
// are like them and named by none.
func benchValues(n, rules int) Attributes {
	values := make([]string, n)
	for i := range values {
		values[i] = team(rules + 31*i)
		if i%10 == 0 {
			values[i] = team(i * 37 % rules)
		}
	}
	return Attributes{{Name: "mail", Values: []string{"ada@example.com"}}, {Name: "groups", Values: values}}
}

// BenchmarkRules is one login's evaluation: processor time of the index beside
// that of the same patterns, compiled, each tried on each value until one matches.
func BenchmarkRules(b *testing.B) {
	for _, shape := range shapes {
		for _, n := range []int{1_000, 10_000} {
			list := benchRules(b, n, shape.pattern)
			plain := make([]*regexp.Regexp, n)
			for i, rule := range list {
				plain[i] = regexp.MustCompile(rule.Pattern.String())
			}
			set := Compile(list)
			for _, count := range []int{20, 200} {
				b.Run(fmt.Sprintf("%s/rules=%d/values=%d", shape.name, n, count), func(b *testing.B) {
					a := benchValues(count, n)
					values := a[1].Values
					into := set.Evaluate(a, nil)

					runtime.GC()
					start := cpu()
					const plainRuns = 2
					for range plainRuns {
						for _, re := range plain {
							for _, value := range values {
								if re.MatchString(value) {
									break
								}
							}
						}
					}
					regexpTime := (cpu() - start).Seconds() / plainRuns

					b.ReportAllocs()
					start = cpu()
					for b.Loop() {
						into = set.Evaluate(a, into)
					}
					indexTime := (cpu() - start).Seconds() / float64(b.N)
					b.ReportMetric(indexTime*1e6, "cpu-µs/op")
					b.ReportMetric(regexpTime*1e6, "regexp-cpu-µs/op")
					b.ReportMetric(regexpTime/indexTime, "x_vs_regexp")
				})
			}
		}
	}
}

// BenchmarkRulesHostile is what a value of MaxValue can do to 10,000 mixed rules:
// time by KiB of it, which must not grow with its length.
func BenchmarkRulesHostile(b *testing.B) {
	set := Compile(benchRules(b, 10_000, shapes[2].pattern))
	for _, value := range []struct{ name, unit string }{
		{"one gram again and again", "eu-north-"},
		{"a name again and again", team(9_999) + " "},
		{"no ASCII", "йцукенг"},
		{"no UTF-8", "\xff\xfe"},
	} {
		for _, size := range []int{MaxValue / 16, MaxValue} {
			b.Run(fmt.Sprintf("%s/bytes=%d", value.name, size), func(b *testing.B) {
				long := strings.Repeat(value.unit, size/len(value.unit))
				a := Attributes{{Name: "groups", Values: []string{long, long, long, long}}}
				into := set.Evaluate(a, nil)
				start := cpu()
				for b.Loop() {
					into = set.Evaluate(a, into)
				}
				kib := float64(b.N*4*len(long)) / 1024
				b.ReportMetric((cpu()-start).Seconds()*1e6/kib, "cpu-µs/KiB")
			})
		}
	}
}

// BenchmarkRulesBuild is what a new version of a record costs: from the text of
// every pattern to the index.
func BenchmarkRulesBuild(b *testing.B) {
	for _, shape := range shapes {
		b.Run(fmt.Sprintf("%s/rules=%d", shape.name, 10_000), func(b *testing.B) {
			b.ReportAllocs()
			start := cpu()
			for b.Loop() {
				Compile(benchRules(b, 10_000, shape.pattern))
			}
			b.ReportMetric((cpu()-start).Seconds()/float64(b.N)*1e6, "cpu-µs/op")
		})
	}
}
