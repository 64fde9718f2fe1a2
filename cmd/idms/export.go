package main

import (
	"fmt"
	"slices"

	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
)

type exportCommand struct {
	settings
	Record []string `help:"Only this record, with the groups that it names; several times for several." sep:"none" placeholder:"KEY"`
	Format string   `help:"yaml." enum:"yaml" default:"yaml"`
}

func (c exportCommand) Run(p *program) error {
	house, err := c.lookInto(p)
	if err != nil {
		return err
	}
	defer house.Close()
	file, err := house.store.File(p.ctx)
	if err != nil {
		return err
	}
	if len(c.Record) > 0 {
		if file, err = only(file, c.Record); err != nil {
			return err
		}
	}
	return p.writeFile(file)
}

// only keeps these records, and the groups that their associations name.
func only(file idms.File, keys []string) (idms.File, error) {
	var few idms.File
	named := map[string]bool{}
	for _, key := range keys {
		at := slices.IndexFunc(file.Records, func(r idms.Record) bool { return r.Key == key })
		if at < 0 {
			return idms.File{}, fault.New(fault.NotFound, "There is no record %q.", key)
		}
	}
	for _, record := range file.Records {
		if !slices.Contains(keys, record.Key) {
			continue
		}
		few.Records = append(few.Records, record)
		for _, association := range record.Associations {
			named[association.Group] = true
		}
	}
	few.Groups = slices.DeleteFunc(slices.Clone(file.Groups), func(g groups.Group) bool { return !named[g.Key] })
	return few, nil
}

// writeFile prints a record file, unless it would be one that nobody can read.
func (p *program) writeFile(file idms.File) error {
	text, err := file.Marshal()
	if err != nil {
		return err
	}
	if len(text) > idms.MaxFile {
		return fault.New(fault.Conflict, "The file would have %d MiB, and at most %d can be read back. Export some records at a time, with --record.", len(text)>>20, idms.MaxFile>>20)
	}
	_, err = fmt.Fprintf(p.stdout, "%s", text)
	return err
}
