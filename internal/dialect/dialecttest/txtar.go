package dialecttest

import "strings"

// archive is a txtar file: a comment, then named files after "-- name --" lines.
type archive struct {
	comment string
	files   []file
}

type file struct{ name, data string }

// split reads the txtar form; what is before the first marker is the comment.
func split(text string) archive {
	var a archive
	for line := range strings.Lines(text) {
		if name, ok := marker(line); ok {
			a.files = append(a.files, file{name: name})
			continue
		}
		if len(a.files) == 0 {
			a.comment += line
			continue
		}
		a.files[len(a.files)-1].data += line
	}
	return a
}

// marker reads a line of the form "-- name --".
func marker(line string) (name string, ok bool) {
	line = strings.TrimSpace(line)
	name, ok = strings.CutPrefix(line, "-- ")
	if !ok {
		return "", false
	}
	name, ok = strings.CutSuffix(name, " --")
	return strings.TrimSpace(name), ok && strings.TrimSpace(name) != ""
}

// String is the archive as a file again; each file ends with a newline.
func (a archive) String() string {
	var b strings.Builder
	b.WriteString(a.comment)
	for _, f := range a.files {
		b.WriteString("-- " + f.name + " --\n" + f.data)
		if f.data != "" && !strings.HasSuffix(f.data, "\n") {
			b.WriteByte('\n')
		}
	}
	return b.String()
}
