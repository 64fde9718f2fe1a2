package fault

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

func TestTheVisitorNeverReadsTheCause(t *testing.T) {
	cause := errors.New("dial tcp 10.0.0.7:636: refused")
	err := fmt.Errorf("sync acme: %w", Hide(cause, Upstream, "The directory did not answer."))
	if got := Sentence(err); got != "The directory did not answer." {
		t.Errorf("sentence = %q", got)
	}
	if !errors.Is(err, cause) {
		t.Error("the log lost the cause")
	}
	if got := KindOf(err); got != Upstream {
		t.Errorf("kind = %v", got)
	}
}

func TestAnUnclassifiedErrorIsOursAndSaysNothing(t *testing.T) {
	err := errors.New("password=hunter2")
	if KindOf(err) != Internal || Sentence(err) != "Something went wrong on our side." {
		t.Errorf("%v: %q", KindOf(err), Sentence(err))
	}
	if Hide(nil, Upstream, "x") != nil {
		t.Error("hiding no error made one")
	}
}

func TestProblemsKeepTheirPaths(t *testing.T) {
	var part, whole Problems
	part.Add("pattern", "is empty")
	part.Add("[3]", "is odd")
	whole.Under("access_rules[2]", part)
	whole.AddError("name", New(Invalid, "give it a name"))
	whole.AddError("key", errors.New("write a–z"))
	whole.AddError("none", nil)
	want := "access_rules[2].pattern: is empty\naccess_rules[2][3]: is odd\nname: give it a name\nkey: write a–z"
	if got := whole.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if err := whole.Err(); KindOf(err) != Invalid {
		t.Errorf("kind = %v", KindOf(err))
	}
	if got := ProblemsOf(fmt.Errorf("saving: %w", whole.Err())); !slices.Equal(got, whole) {
		t.Errorf("the error lost its problems: %v", got)
	}
	if got := ProblemsOf(New(Invalid, "name: give it one")); got != nil {
		t.Errorf("a sentence became problems: %v", got)
	}
	if err := (Problems)(nil).Err(); err != nil {
		t.Errorf("no problems made an error: %v", err)
	}
}
