package idms

import (
	"fmt"

	"idms/internal/fault"
	"idms/internal/groups"
)

// File is what administrators keep under version control: groups, and the
// records whose associations name them. docs/reference/record-file.md
// describes it.
type File struct {
	Groups  []groups.Group
	Records []Record

	paths []string // of the records, when they come from several files
}

// Path is where a record stands, by its place in Records: for problems that only
// a database can tell.
func (f File) Path(i int) string {
	if i < len(f.paths) {
		return f.paths[i]
	}
	return fmt.Sprintf("records[%d]", i)
}

// Part is one of several files that are applied together.
type Part struct {
	Name string // as somebody knows it
	File File
}

// Merge makes one file of several. What stands in two of them is a problem at
// its second place, by the names of both.
func Merge(parts []Part) (File, fault.Problems) {
	var all File
	var problems fault.Problems
	first := map[string]string{} // where each key stands first
	unique := func(kind, key, path string) {
		if where, used := first[kind+key]; used {
			problems.Add(path+".key", "The key %s is used by %s too.", key, where)
		} else {
			first[kind+key] = path
		}
	}
	for _, part := range parts {
		for i, group := range part.File.Groups {
			unique("group ", group.Key, fmt.Sprintf("%s: groups[%d]", part.Name, i))
			all.Groups = append(all.Groups, group)
		}
		for i, record := range part.File.Records {
			path := fmt.Sprintf("%s: %s", part.Name, part.File.Path(i))
			unique("record ", record.Key, path)
			all.Records = append(all.Records, record)
			all.paths = append(all.paths, path)
		}
	}
	return all, problems
}

type fileDocument struct {
	Groups  []groupDocument  `json:"groups,omitempty"`
	Records []recordDocument `json:"records,omitempty"`
}

type groupDocument struct {
	Key  string `json:"key"`
	Name string `json:"name"`
}

// ParseFile reads a file of groups and records, at most MaxFile bytes, and
// finds everything that is wrong with it: each problem at its field, by its
// path from the top of the file, and with its line.
//
// open reads a file that a record names, by the path written there, and should
// read no more than MaxFile and one byte; a longer one is refused. Where files
// cannot be named, open is nil.
func ParseFile(data []byte, open func(path string) ([]byte, error)) (File, fault.Problems) {
	var document fileDocument
	r := readYAML(data, &document)
	file, problems := document.file(bounded(open))
	return file, append(r.problems, r.locate(problems)...)
}

func (d fileDocument) file(open opener) (File, fault.Problems) {
	var file File
	var problems fault.Problems

	first := map[string]string{} // where each key stands first
	unique := func(path, key string) {
		if where, used := first[key]; used && key != "" {
			problems.Add(path+".key", "The key %s is used by %s too.", key, where)
		} else {
			first[key] = path
		}
	}
	for i, one := range d.Groups {
		path := fmt.Sprintf("groups[%d]", i)
		group := groups.Group{Key: one.Key, Name: one.Name}
		unique(path, group.Key)
		problems.Under(path, CheckGroup(group))
		file.Groups = append(file.Groups, group)
	}

	clear(first)
	for i, one := range d.Records {
		path := fmt.Sprintf("records[%d]", i)
		record, part := one.record(open)
		unique(path, record.Key)
		problems.Under(path, checkOnce(record, part))
		file.Records = append(file.Records, record)
	}
	return file, problems
}

// checkOnce adds Check's problems to those of reading, but none at a field
// that could not even be read: it would only say that the field is empty.
func checkOnce(record Record, read fault.Problems) fault.Problems {
	unread := map[string]bool{}
	for _, problem := range read {
		unread[problem.Field] = true
	}
	all := read
	for _, problem := range record.Check() {
		if !unread[problem.Field] {
			all = append(all, problem)
		}
	}
	return all
}

func bounded(open opener) opener {
	if open == nil {
		return nil
	}
	return func(path string) ([]byte, error) {
		data, err := open(path)
		if err == nil && len(data) > MaxFile {
			return nil, fmt.Errorf("%s has more than %d MiB", path, MaxFile>>20)
		}
		return data, err
	}
}

// Marshal writes the file as ParseFile reads it: the same bytes for the same
// content, with everything in it that a record named files for.
func (f File) Marshal() ([]byte, error) {
	var document fileDocument
	for _, group := range f.Groups {
		document.Groups = append(document.Groups, groupDocument{group.Key, group.Name})
	}
	for _, record := range f.Records {
		document.Records = append(document.Records, documentOf(record))
	}

	return writeYAML(document), nil
}
