package main

import (
	"encoding/json"
	"io"
	"os"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
)

// printJSON prints v for a machine.
func (rt *runtime) printJSON(v any) error {
	e := json.NewEncoder(rt.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// printTable prints rows under a heading, for a person; empty is what stands
// in place of no rows.
func (rt *runtime) printTable(empty string, heading table.Row, rows []table.Row) error {
	if len(rows) == 0 {
		_, err := io.WriteString(rt.out, empty+"\n")
		return err
	}
	t := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	t.SetStyle(style)
	t.AppendHeader(heading)
	t.AppendRows(rows)
	for line := range strings.Lines(t.Render() + "\n") {
		if _, err := io.WriteString(rt.out, strings.TrimRight(line, " \n")+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// when is a time for a person; empty when it is not set.
func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// terminal reports whether w is a person's screen.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
