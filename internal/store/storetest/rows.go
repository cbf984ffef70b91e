package storetest

import (
	"database/sql"
	"fmt"
	"slices"
	"testing"

	"paylink/internal/pay"
	"paylink/internal/store"
)

// Rows reads what is stored of a link, behind the store's back.
type Rows struct {
	db     *sql.DB
	tables []string // that have a column for a link
}

// OpenRows opens a migrated database for reading until the test ends. It gives
// each table an index by link, or every read would go through all of it.
func OpenRows(t *testing.T, o store.Options) *Rows {
	t.Helper()
	driver, dsn := "sqlite", "file:"+o.Path+"?_pragma=busy_timeout(10000)"
	tables := `SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c ON c.name = 'link' WHERE m.type = 'table'`
	if o.URL != "" {
		driver, dsn = "pgx", o.URL
		tables = `SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'link'`
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	r := &Rows{db: db}
	for _, row := range r.read(t, tables) {
		table := row[0].(string)
		if _, err := db.Exec(`CREATE INDEX rows_of_` + table + ` ON ` + table + ` (merchant, mode, link)`); err != nil {
			t.Fatal(err)
		}
		r.tables = append(r.tables, table)
	}
	if len(r.tables) == 0 {
		t.Fatal("no table speaks of links")
	}
	return r
}

// Of is the row of a link and every row that names it, of all tables but those
// of except, in a fixed order. Each begins with the name of its table.
func (r *Rows) Of(t *testing.T, l pay.Link, except ...string) (list []string) {
	t.Helper()
	list = r.of(t, "links", "id", l)
	for _, table := range r.tables {
		if !slices.Contains(except, table) {
			list = append(list, r.of(t, table, "link", l)...)
		}
	}
	slices.Sort(list)
	return list
}

func (r *Rows) of(t *testing.T, table, column string, l pay.Link) (list []string) {
	t.Helper()
	query := `SELECT * FROM ` + table + ` WHERE merchant = $1 AND mode = $2 AND ` + column + ` = $3`
	for _, row := range r.read(t, query, string(l.Merchant), string(l.Mode), string(l.ID)) {
		list = append(list, fmt.Sprintf("%s %q", table, row))
	}
	return list
}

func (r *Rows) read(t *testing.T, query string, args ...any) (list [][]any) {
	t.Helper()
	rows, err := r.db.Query(query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		row, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		list = append(list, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}
