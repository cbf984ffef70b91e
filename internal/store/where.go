package store

import (
	"strconv"
	"strings"
	"time"

	"paylink/internal/pay"
)

// where gathers the conditions of a list; the tenant is always the first. Its
// clauses are constants of this package: values only ever go into arguments.
type where struct {
	clauses []string
	args    []any
}

func newWhere(t pay.Tenant) *where {
	return &where{clauses: []string{"merchant = $1", "mode = $2"}, args: []any{t.Merchant, t.Mode}}
}

// add appends an argument and returns its placeholder.
func (w *where) add(arg any) string {
	w.args = append(w.args, arg)
	return "$" + strconv.Itoa(len(w.args))
}

// and adds a clause when on; each ? in it takes the next argument.
func (w *where) and(on bool, clause string, args ...any) {
	if !on {
		return
	}
	for _, arg := range args {
		clause = strings.Replace(clause, "?", w.add(arg), 1)
	}
	w.clauses = append(w.clauses, clause)
}

// state filters by the state that the clock has made, which may be ahead of
// the stored one: due_at is when they part.
func (w *where) state(s pay.LinkState, now time.Time) {
	switch s {
	case "":
	case pay.LinkExpired:
		w.and(true, "(state = 'expired' OR state IN ('active', 'paused') AND due_at <= ?)", us(now))
	case pay.LinkActive:
		w.and(true, "(state = 'active' AND (due_at IS NULL OR due_at > ?) OR state = 'scheduled' AND due_at <= ?)", us(now), us(now))
	case pay.LinkPaused, pay.LinkScheduled:
		w.and(true, "state = ? AND (due_at IS NULL OR due_at > ?)", s, us(now))
	default:
		w.and(true, "state = ?", s)
	}
}

func (w *where) sql() string { return strings.Join(w.clauses, " AND ") }

// few is a column to order by. With on the conditions leave few rows, which are
// to be found and then sorted: SQLite would rather read all rows of the tenant
// in that order and pass over those that do not match.
func few(column string, on bool) string {
	if on {
		return "+" + column
	}
	return column
}
