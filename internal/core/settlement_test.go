package core_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"paylink/internal/core"
	"paylink/internal/core/coretest"
	"paylink/internal/pay"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

const reportHead = "type,processor,reference,amount,currency,fee,settled_at\n"

// imported is what became of each row: "2 settled, 3 unknown".
func imported(t *testing.T, w *coretest.World, file string) (text string, details string) {
	t.Helper()
	results, err := w.ImportSettlements(context.Background(), w.Shop, strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, r := range results {
		words = append(words, fmt.Sprint(r.Row, " ", r.Result))
		details += r.Detail + "\n"
	}
	return strings.Join(words, ", "), details
}

func balance(t *testing.T, w *coretest.World) string {
	t.Helper()
	list, err := w.Balances(context.Background(), w.Shop)
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, b := range list {
		words = append(words, fmt.Sprintf("%s pending %d available %d held %d", b.Currency, b.Pending, b.Available(), b.Held))
	}
	return strings.Join(words, ", ")
}

func proven(t *testing.T, w *coretest.World) {
	t.Helper()
	if _, err := w.Verify(context.Background(), quiet); err != nil {
		t.Error(err)
	}
}

// One payment from its capture to the balance, by a report with everything
// that a report can get wrong, imported twice (M10, A26).
func TestImportSettlements(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		ctx := context.Background()
		l := w.Link(t, func(l *pay.Link) { l.Splits = []pay.Split{{Account: "partner", Amount: 300, OnHold: true}} })
		p, err := w.Card(l, goodCard)
		if err != nil {
			t.Fatal(err)
		}
		other, err := w.Card(w.Link(t, func(l *pay.Link) { l.Price = pay.Price{Currency: "JPY", Amount: 700} }), goodCard)
		if err != nil {
			t.Fatal(err)
		}
		_, r, err := w.Refund(ctx, w.Shop, core.RefundPayment{Key: "r", Fingerprint: "r", Wish: pay.RefundWish{Payment: p.ID, Amount: 105}})
		if err != nil {
			t.Fatal(err)
		}
		if got := balance(t, w); got != "JPY pending 700 available 0 held 0, USD pending 945 available 0 held 270" {
			t.Errorf("before: %s", got)
		}
		report := "\uFEFF" + reportHead +
			"capture,sandbox," + p.Last().ProcessorRef + ",10.50,USD,0.31,2026-11-20\n" +
			"refund,sandbox," + string(r.ID) + ",1.05,USD,,\n" +
			"capture,sandbox," + string(other.Last().ID) + ",699,JPY,,\n" +
			"capture,sandbox,sbx_nobody,10.50,USD,,\n" +
			"capture,another," + p.Last().ProcessorRef + ",10.50,USD,,\n" +
			"adjustment,sandbox,adj-1,-0.10,USD,,\n" +
			"fee,sandbox,month-11,2.00,USD,,\n" +
			"capture,sandbox,x,10.505,USD,,\n" +
			"payout,sandbox,x,1,USD,,\n" +
			"too,few\n"
		got, details := imported(t, w, report)
		if got != "2 settled, 3 settled, 4 mismatch, 5 unknown, 6 unknown, 7 settled, 8 settled, 9 invalid, 10 invalid, 11 invalid" {
			t.Errorf("first: %s", got)
		}
		if !strings.Contains(details, "the books have 700 JPY, the report says 699 JPY") || w.Alarms("settlement_mismatch") != 1 {
			t.Errorf("details: %s", details)
		}
		settled := "JPY pending 700 available 0 held 0, USD pending 0 available 434 held 270" // 1050 − 31 − 105 − 10 − 200 − 270
		if got := balance(t, w); got != settled {
			t.Errorf("after: %s", got)
		}
		v, err := w.Core.Link(ctx, w.Shop, l.ID)
		if err != nil || v.Link.Settled != 1050 || v.Payments[0].SettledAt.Format(time.DateOnly) != "2026-11-20" {
			t.Errorf("settled: %+v %v", v, err)
		}
		proven(t, w)
		seq := v.Link.Seq
		if got, _ := imported(t, w, report); got != "2 repeated, 3 repeated, 4 mismatch, 5 unknown, 6 unknown, 7 repeated, 8 repeated, 9 invalid, 10 invalid, 11 invalid" {
			t.Errorf("again: %s", got)
		}
		if got := balance(t, w); got != settled {
			t.Errorf("after that: %s", got)
		}
		if got, _ := imported(t, w, reportHead+"capture,sandbox,"+p.Last().ProcessorRef+",10.50,USD,0.30,\nadjustment,sandbox,adj-1,0.10,USD,,\n"); got != "2 mismatch, 3 mismatch" {
			t.Errorf("with other figures: %s", got)
		}
		if v, err = w.Core.Link(ctx, w.Shop, l.ID); err != nil || v.Link.Seq != seq {
			t.Errorf("repeats wrote %d events %v", v.Link.Seq-seq, err)
		}
		got, _ = imported(t, w, reportHead+strings.Repeat("reversal,sandbox,"+p.Last().ProcessorRef+",10.50,USD,,\n", 2))
		if v, err = w.Core.Link(ctx, w.Shop, l.ID); err != nil || got != "2 settled, 3 repeated" || v.Link.Settled != 0 || !v.Payments[0].SettledAt.IsZero() {
			t.Errorf("reversed: %s %+v %v", got, v.Link, err)
		}
		if got := balance(t, w); got != "JPY pending 700 available 0 held 0, USD pending 1050 available -346 held 270" {
			t.Errorf("reversed: %s", got)
		}
		if got, _ := imported(t, w, report); !strings.HasPrefix(got, "2 mismatch") {
			t.Errorf("settled after it was reversed: %s", got)
		}
		proven(t, w)
	})
}

// What the sandbox says it settled is all that is pending, and the same again.
func TestFetchSettlements(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := busyWorld(t, o)
		ctx := context.Background()
		count := func() map[string]int {
			t.Helper()
			results, err := w.FetchSettlements(ctx, w.Shop)
			if err != nil {
				t.Fatal(err)
			}
			n := map[string]int{}
			for _, r := range results {
				n[r.Result]++
			}
			return n
		}
		first, open := count(), 0
		if first[core.RowSettled] < 10 || first[core.RowMismatch]+first[core.RowUnknown] > 0 {
			t.Errorf("first: %v", first)
		}
		if again := count(); again[core.RowSettled] != 0 || again[core.RowRepeated] != first[core.RowSettled]+first[core.RowRepeated] {
			t.Errorf("again: %v after %v", again, first)
		}
		for after := ""; ; {
			list, next, err := w.Settlements(ctx, w.Shop, core.SettlementFilter{State: pay.LineExpected, After: after, Limit: 3})
			if err != nil {
				t.Fatal(err)
			}
			if open += len(list); next == "" {
				break
			}
			after = next
		}
		if open != 0 {
			t.Errorf("%d lines are still expected", open)
		}
		if got := balance(t, w); !strings.HasPrefix(got, "USD pending 0 ") {
			t.Error(got)
		}
		proven(t, w)
	})
}

func TestMissSettlements(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		ctx := context.Background()
		l := w.Link(t, func(l *pay.Link) { l.Use.Max = 0 })
		old, err := w.Card(l, goodCard)
		if err != nil {
			t.Fatal(err)
		}
		w.Clock.Add(time.Hour)
		before := w.Clock.Now()
		if _, err := w.Card(l, goodCard); err != nil {
			t.Fatal(err)
		}
		for _, want := range []int{1, 0} {
			if n, err := w.MissSettlements(ctx, w.Shop, before); err != nil || n != want {
				t.Fatalf("missing: %d %v, want %d", n, err, want)
			}
		}
		proven(t, w)
		if got, _ := imported(t, w, reportHead+"capture,sandbox,"+string(old.Last().ID)+",10.50,USD,,\n"); got != "2 settled" {
			t.Errorf("found after all: %s", got)
		}
		proven(t, w)
	})
}

// Two imports of one report at once settle each movement once.
func TestImportTwiceAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		file := reportHead + "adjustment,sandbox,a1,5.00,USD,,\n"
		l := w.Link(t, func(l *pay.Link) { l.Use.Max = 0 })
		for range 8 {
			p, err := w.Card(l, goodCard)
			if err != nil {
				t.Fatal(err)
			}
			file += "capture,sandbox," + p.Last().ProcessorRef + ",10.50,USD,0.50,\n"
		}
		settled := make(chan int)
		for range 4 {
			go func() {
				results, err := w.ImportSettlements(context.Background(), w.Shop, strings.NewReader(file))
				n := 0
				for _, r := range results {
					if r.Result == core.RowSettled {
						n++
					}
				}
				if err != nil || len(results) != 9 {
					t.Errorf("%+v %v", results, err)
				}
				settled <- n
			}()
		}
		sum := 0
		for range 4 {
			sum += <-settled
		}
		if got := balance(t, w); sum != 9 || got != "USD pending 0 available 8500 held 0" {
			t.Errorf("%d rows settled something: %s", sum, got)
		}
		proven(t, w)
	})
}

// A report that is none, or too much of one, is refused by name (A26).
func TestReportLimits(t *testing.T) {
	w := coretest.New(t, store.Options{Path: t.TempDir() + "/paylink.db"})
	row := "capture,sandbox,x,nothing,USD,,\n"
	endless := io.MultiReader(strings.NewReader(reportHead+`capture,sandbox,"`), io.LimitReader(repeat("x"), 11<<20))
	for _, c := range []struct {
		name, want string
		rows       int
		file       io.Reader
	}{
		{"empty", "malformed", 0, strings.NewReader("")},
		{"not a report", "unknown_column", 0, strings.NewReader("<html>\n")},
		{"a column twice", "unknown_column", 0, strings.NewReader("type,type,processor,reference,amount,currency\n")},
		{"a column less", "missing_column", 0, strings.NewReader("type,processor,reference,amount\n")},
		{"a bad quote", "malformed", 1, strings.NewReader(reportHead + row + "\"x\"y,,,\n")},
		{"10000 rows", "", 10_000, strings.NewReader(reportHead + strings.Repeat(row, 10_000))},
		{"10001 rows", "too_many", 10_000, strings.NewReader(reportHead + strings.Repeat(row, 10_001))},
		{"an endless row", "too_large", 0, endless},
		{"another encoding", "", 1, strings.NewReader(reportHead + "capture,sandbox,\xff\xfe,1.00,USD,,\n")},
		{"long values", "", 1, strings.NewReader(reportHead + "capture,sandbox," + strings.Repeat("x", 201) + ",1.00,USD,,\n")},
		{"a time to come", "", 1, strings.NewReader(reportHead + "capture,sandbox,x,1.00,USD,,2999-01-01\n")},
		{"a fee of a fee", "", 1, strings.NewReader(reportHead + "fee,sandbox,x,1.00,USD,1.00,\n")},
		{"a name like a path", "", 1, strings.NewReader(reportHead + "fee,sandbox,a:b~c,1.00,USD,,\n")},
		{"a capture below zero", "", 1, strings.NewReader(reportHead + "capture,sandbox,x,-1.00,USD,,\n")},
	} {
		results, err := w.ImportSettlements(context.Background(), w.Shop, c.file)
		if c.want == "" && err != nil || c.want != "" && (pay.KindOf(err) != pay.Invalid || err.(*pay.Error).Fields[0].Code != c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		for _, r := range results {
			if r.Result != core.RowInvalid {
				t.Errorf("%s: %+v", c.name, r)
			}
		}
		if len(results) != c.rows {
			t.Errorf("%s: %d rows", c.name, len(results))
		}
	}
}

// repeat is a text without an end.
type repeat string

func (r repeat) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = r[i%len(r)]
	}
	return len(p), nil
}

// What moved before there were settlements is expected once there are.
func TestSettlementsOfOldMoney(t *testing.T) {
	file, err := os.ReadFile("../store/migrations/0003_settlements.sql")
	if err != nil {
		t.Fatal(err)
	}
	_, fill, _ := strings.Cut(string(file), "INSERT INTO ")
	fill = "INSERT INTO " + fill
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		ctx := context.Background()
		l := w.Link(t, func(l *pay.Link) { l.Use.Max = 0 })
		for _, back := range []int64{0, 50} {
			p, err := w.Card(l, goodCard)
			if err != nil {
				t.Fatal(err)
			}
			if back == 0 {
				continue
			}
			if _, _, err := w.Refund(ctx, w.Shop, core.RefundPayment{Key: "r", Fingerprint: "r", Wish: pay.RefundWish{Payment: p.ID, Amount: back}}); err != nil {
				t.Fatal(err)
			}
		}
		lines := func() []pay.Settlement {
			t.Helper()
			list, _, err := w.Settlements(ctx, w.Shop, core.SettlementFilter{})
			if err != nil || len(list) != 3 {
				t.Fatalf("%+v %v", list, err)
			}
			return list
		}
		want := lines()
		storetest.Tamper(t, o, `DELETE FROM settlements`, fill)
		if got := lines(); !reflect.DeepEqual(got, want) {
			t.Errorf("got\n%+v\nwant\n%+v", got, want)
		}
		proven(t, w)
	})
}

// In test mode all payments of a link are settled at once, not the newest alone.
func TestSimulatedSettlementOfMany(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w, ctx := coretest.New(t, o), context.Background()
		l := w.Link(t, func(l *pay.Link) { l.Use.Max = 0 })
		for range 3 {
			if _, err := w.Card(l, goodCard); err != nil {
				t.Fatal(err)
			}
		}
		if v, err := w.SimulateSettlement(ctx, w.Shop, l.ID); err != nil || v.Link.Settled != 3150 {
			t.Errorf("%d settled, %v", v.Link.Settled, err)
		}
		if _, err := w.SimulateSettlement(ctx, w.Shop, l.ID); pay.KindOf(err) != pay.Conflict {
			t.Errorf("once more: %v", err)
		}
		proven(t, w)
	})
}

// A row settles what its type says it is of, and nothing else.
func TestRowOfAnotherType(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		w := coretest.New(t, o)
		p, err := w.Card(w.Link(t, nil), goodCard)
		if err != nil {
			t.Fatal(err)
		}
		_, r, err := w.Refund(context.Background(), w.Shop, core.RefundPayment{Wish: pay.RefundWish{Payment: p.ID, Amount: 100}})
		if err != nil {
			t.Fatal(err)
		}
		report := reportHead + "capture,sandbox," + string(r.ID) + ",1.00,USD,,\n" + "refund,sandbox," + string(p.Last().ID) + ",10.50,USD,,\n"
		if got, _ := imported(t, w, report); got != "2 unknown, 3 unknown" {
			t.Error(got)
		}
	})
}
