package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"idms/test/ways"
)

func TestTheReferenceSaysOfEveryCommandWhatElseDoesTheSame(t *testing.T) {
	parser, err := kong.New(&commandLine{})
	if err != nil {
		t.Fatal(err)
	}
	flags := map[string][]string{}
	var commands []string
	for _, leaf := range parser.Model.Leaves(true) {
		var words []string
		for node := leaf; node != nil && node.Type == kong.CommandNode; node = node.Parent {
			words = append([]string{node.Name}, words...)
		}
		command := strings.Join(words, " ")
		commands = append(commands, command)
		for _, flag := range leaf.Flags {
			flags[command] = append(flags[command], flag.Name)
		}
	}
	var written []string
	for _, one := range ways.Column(t, ways.Command) {
		command, rest, _ := strings.Cut(one, " --")
		written = append(written, command)
		flag, _, _ := strings.Cut(rest, " ")
		if flag != "" && !slices.Contains(flags[command], flag) {
			t.Errorf("docs/reference/ways.md has idms %s, and there is no such flag", one)
		}
	}
	slices.Sort(written)
	ways.Same(t, slices.Compact(written), commands)
}
