package core

import (
	"strings"
	"testing"
	"time"

	"paylink/internal/pay"
	"paylink/internal/processor"
)

// FuzzReadReport: whatever the file, rows come in order, and one that is
// called good has everything that a settlement needs, within its bounds.
func FuzzReadReport(f *testing.F) {
	const head = "type,processor,reference,amount,currency,fee,settled_at\n"
	f.Add(head + "capture,sandbox,sbx_x,1.00,USD,0.1,2026-01-01\n")
	f.Add(head + "adjustment,sandbox,a,-1.00,USD,,2026-01-01T00:00:00Z\n\nrefund,sandbox,ref_x,1.000,KWD,,\n")
	f.Add("\uFEFFamount,currency,type,reference,processor\r\n5,JPY,fee,x,sandbox\r\n")
	f.Add(head + "reversal,sandbox,\"a\nb\",1,JPY,,\n")
	f.Add("\"type\n")
	now := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, file string) {
		last, rows := 0, 0
		err := readReport(strings.NewReader(file), now, func(row settledRow, bad string) error {
			if rows++; row.number <= last {
				t.Fatalf("line %d after %d", row.number, last)
			}
			if last = row.number; bad != "" {
				return nil
			}
			signed := row.Kind == processor.SettledAdjustment && row.Amount.Minor < 0
			switch {
			case !row.Kind.Known() || row.processor == "" || row.Reference == "" || !pay.CleanText(row.processor+row.Reference, false):
				t.Fatalf("%+v", row)
			case row.Amount.Minor == 0 || signed != (row.Amount.Minor < 0) || !row.Amount.Currency.Known() || max(row.Amount.Minor, -row.Amount.Minor) > pay.MaxMinor:
				t.Fatalf("%+v", row)
			case row.Fee < 0 || row.Fee > pay.MaxMinor || row.Fee > 0 && row.Kind.Lone() || row.At.After(now) || row.At.Year() < 2000:
				t.Fatalf("%+v", row)
			case row.Kind.Lone() && strings.ContainsAny(row.Reference, ":~,/ "):
				t.Fatalf("%+v", row)
			}
			return nil
		})
		if err != nil && pay.KindOf(err) != pay.Invalid || rows > maxReportRows {
			t.Fatalf("%d rows, %v", rows, err)
		}
	})
}
