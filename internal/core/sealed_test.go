package core_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"paylink/internal/core"
	"paylink/internal/core/coretest"
	"paylink/internal/pay"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// Canaries are looked for in the database as it lies on the disk.
const (
	canarySecret = "whsec_Y2FuYXJ5LWNhbmFyeS1jYW5hcnktMTIzNA=="
	canaryFrom   = "198.51.100.233"
)

var canaryPayer = pay.Payer{
	Name: "Canary Payer-Name", Email: "canary.payer@example.com", Phone: "+6680CANARY", TaxNumber: "TAXCANARY77", Reference: "REFCANARY88",
	Billing: pay.Address{Lines: []string{"1 Canary Street"}, City: "Canaryville"},
}

// dump is everything in the database: the bytes of SQLite's files, or every
// row of every table of PostgreSQL.
func dump(t *testing.T, o store.Options) []byte {
	t.Helper()
	var all bytes.Buffer
	if o.URL == "" {
		files, err := filepath.Glob(o.Path + "*") // with the write-ahead log
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(b)
		}
		return all.Bytes()
	}
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, o.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	names, err := conn.Query(ctx, `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(names, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		lines, err := conn.Query(ctx, `SELECT t::text FROM `+pgx.Identifier{table}.Sanitize()+` AS t`)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := pgx.CollectRows(lines, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			all.WriteString(row + "\n")
		}
	}
	return all.Bytes()
}

// TestNothingPersonalInTheClear: who reads the database without the keys
// learns of no payer, no secret and no page.
func TestNothingPersonalInTheClear(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		ctx := context.Background()
		w := coretest.New(t, o)
		if _, err := w.CreateEndpoint(ctx, w.Shop, core.NewEndpoint{URL: "http://127.0.0.1:9/hook", Secret: canarySecret}); err != nil {
			t.Fatal(err)
		}
		l := w.Link(t, func(l *pay.Link) { l.Payer, l.Description = canaryPayer, "In the clear" })
		paid := w.Link(t, func(l *pay.Link) { l.Payer = canaryPayer })
		if _, err := w.StartPayment(ctx, core.StartPayment{Token: paid.Token, Method: pay.MethodBankTransfer, From: canaryFrom}); err != nil {
			t.Fatal(err)
		}
		due, err := w.ClaimDeliveries(ctx, 100)
		if err != nil || len(due) == 0 {
			t.Fatal(len(due), err)
		}
		for _, d := range due {
			body, err := json.Marshal(map[string]any{"payer": d.Event.Snapshot.Link.Payer, "token": d.Event.Snapshot.Link.Token})
			if err != nil {
				t.Fatal(err)
			}
			if d.Delivery.Link == paid.ID {
				body = []byte("{}") // its token is also in the sandbox's memory, which is not ours
			}
			if err := w.KeepBody(ctx, d.Delivery, body); err != nil {
				t.Fatal(err)
			}
		}
		found := dump(t, o)
		if !bytes.Contains(found, []byte("In the clear")) {
			t.Fatal("the dump does not even have what is in the clear")
		}
		for name, secret := range map[string]string{
			"name": canaryPayer.Name, "e-mail": canaryPayer.Email, "phone": canaryPayer.Phone, "tax number": canaryPayer.TaxNumber,
			"reference": canaryPayer.Reference, "street": canaryPayer.Billing.Lines[0], "city": canaryPayer.Billing.City,
			"token": l.Token, "address": canaryFrom, "webhook secret": canarySecret, "key": w.Key, "dialect's secret": coretest.PineSecret,
		} {
			for form, text := range map[string]string{
				"as it is": secret, "in hexadecimal": hex.EncodeToString([]byte(secret)), "in base64": base64.RawStdEncoding.EncodeToString([]byte(secret)),
			} {
				if bytes.Contains(bytes.ToLower(found), bytes.ToLower([]byte(text))) {
					t.Errorf("the payer's or the shop's %s is in the database %s", name, form)
				}
			}
		}
		list, _, err := w.Deliveries(ctx, w.Shop, core.DeliveryFilter{Link: l.ID})
		if err != nil || len(list) != 1 || !bytes.Contains(list[0].Body, []byte(canaryPayer.Email)) {
			t.Errorf("what was sealed does not open: %v %v", list, err)
		}
	})
}
