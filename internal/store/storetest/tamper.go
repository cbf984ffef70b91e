package storetest

import (
	"context"
	"database/sql"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"; "sqlite" comes with store

	"paylink/internal/store"
)

// Tamper runs statements behind the store's back, without the database's own
// constraints: what a fault, or someone with the database's password, can do.
func Tamper(t *testing.T, o store.Options, statements ...string) {
	t.Helper()
	ctx := context.Background()
	driver, dsn, loosen := "sqlite", "file:"+o.Path+"?_pragma=busy_timeout(10000)", looseSQLite
	if o.URL != "" {
		driver, dsn, loosen = "pgx", o.URL, loosePostgres
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, statement := range append(loosen, statements...) {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

const noUniqueSlots = `DROP INDEX IF EXISTS payments_slot`

var looseSQLite = []string{noUniqueSlots, `PRAGMA ignore_check_constraints = ON`, `PRAGMA foreign_keys = OFF`}

// Primary and unique keys stay: foreign ones and checks go.
var loosePostgres = []string{noUniqueSlots, `
	DO $$ DECLARE c record; BEGIN
		FOR c IN SELECT conrelid::regclass AS owner, conname FROM pg_constraint
			WHERE contype IN ('c', 'f') AND connamespace = 'public'::regnamespace LOOP
			EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.owner, c.conname);
		END LOOP;
	END $$`}
