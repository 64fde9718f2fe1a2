package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"

	"idms/internal/fault"
	"idms/internal/idms"
)

// readFile reads a file that somebody names on the command line, "-" being
// standard input. What is wrong with it is the caller's to mend.
func (p *program) readFile(name string, limit int) ([]byte, error) {
	if name == "-" {
		return readBounded(p.stdin, "standard input", limit)
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, fault.New(fault.Invalid, "%v", err)
	}
	defer file.Close()
	return readBounded(file, name, limit)
}

func readBounded(from io.Reader, name string, limit int) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(from, int64(limit)+1))
	if err != nil {
		return nil, fault.New(fault.Invalid, "%s cannot be read: %v", name, err)
	}
	if len(data) > limit {
		return nil, fault.New(fault.Invalid, "%s has more than %d bytes", name, limit)
	}
	return data, nil
}

// readRecords reads a record file; the files that it names are found beside it.
func (p *program) readRecords(name string) (idms.File, error) {
	data, err := p.readFile(name, idms.MaxFile)
	if err != nil {
		return idms.File{}, err
	}
	beside := func(path string) ([]byte, error) {
		if !filepath.IsAbs(path) && name != "-" {
			path = filepath.Join(filepath.Dir(name), path)
		}
		return p.readFile(path, idms.MaxFile)
	}
	file, problems := idms.ParseFile(data, beside)
	if problems.Any() {
		return idms.File{}, fault.New(fault.Invalid, "%s has problems:\n%s", name, indent(problems.String()))
	}
	return file, nil
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(text, "\n", "\n  ")
}
