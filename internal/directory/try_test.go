package directory

import (
	"errors"
	"fmt"
	"testing"

	"idms/internal/fault"
)

func TestOneTestOfARecordAndFewAtOnce(t *testing.T) {
	var all tests
	var leave []func()
	for i := range testsAtOnce {
		left, err := all.enter(fmt.Sprint(i))
		if err != nil {
			t.Fatalf("test %d: %v", i, err)
		}
		leave = append(leave, left)
	}
	for _, record := range []string{"0", "one more"} {
		if _, err := all.enter(record); !errors.Is(err, ErrTesting) || fault.KindOf(err) != fault.Conflict {
			t.Errorf("%s: %v", record, err)
		}
	}
	leave[0]()
	if _, err := all.enter("0"); err != nil {
		t.Errorf("when the first has ended: %v", err)
	}
}
