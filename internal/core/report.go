package core

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"paylink/internal/pay"
	"paylink/internal/processor"
)

// A settlement report is a CSV file in UTF-8. Its first row names the columns,
// in any order:
//
//	type        capture, refund, dispute, dispute_reversal, fee, adjustment or reversal
//	processor   who settles: "sandbox"
//	reference   capture and reversal: the processor's name of the payment, or our att_… or op_…,
//	            and the op_… where a payment was captured more than once;
//	            refund: our ref_… or op_…; dispute and dispute_reversal: the processor's name of the
//	            dispute, or our dsp_…; fee and adjustment: the processor's own name of the
//	            row, of letters, digits, dots, dashes and underscores
//	amount      10.50, in whole units of the currency, before the fee; of an adjustment it may begin with a minus
//	currency    ISO 4217
//	fee         may be left out: what was kept of a capture, refund or dispute
//	settled_at  may be left out: RFC 3339, or a date; else the time of the import
const (
	maxReport     = 10 << 20 // bytes (THREATS A26)
	maxReportRows = 10_000
	maxReportText = 200 // bytes of one value
)

// reportColumns are the columns and whether each must be there.
var reportColumns = map[string]bool{
	"type": true, "processor": true, "reference": true, "amount": true, "currency": true, "fee": false, "settled_at": false,
}

// settledRow is one row of a report in our words.
type settledRow struct {
	number    int // of the line in the file, or of the row in the processor's answer
	processor string
	processor.Settled
}

// readReport gives take each row of a report; bad says what is wrong with a
// row that cannot be used.
// Errors: Invalid, when the file is no report, has too much of anything or
// cannot be read on; take's own.
func readReport(r io.Reader, now time.Time, take func(row settledRow, bad string) error) error {
	limit := &limitedReader{r: r, left: maxReport}
	in := csv.NewReader(limit)
	in.FieldsPerRecord, in.ReuseRecord = -1, true
	head, err := in.Read()
	if err != nil {
		return badReport(limit, err)
	}
	head[0] = strings.TrimPrefix(head[0], "\uFEFF") // as spreadsheets begin a file
	columns, err := reportHead(head)
	if err != nil {
		return err
	}
	for rows := 0; ; rows++ {
		values, err := in.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return badReport(limit, err)
		}
		if rows == maxReportRows {
			return reportFault("too_many", "must have at most 10000 rows; those before were taken")
		}
		number, _ := in.FieldPos(0)
		row, bad := settledRow{number: number}, "must have as many values as the first row has names"
		if len(values) == len(columns) {
			row, bad = reportRow(number, columns, values, now)
		}
		if err := take(row, bad); err != nil {
			return err
		}
	}
}

func reportFault(code, detail string) error {
	var bad pay.Faults
	bad.Add("file", code, detail)
	return bad.Err()
}

func badReport(limit *limitedReader, err error) error {
	var parse *csv.ParseError
	switch {
	case limit.left < 0:
		return reportFault("too_large", "must be at most 10 MiB; the rows before were taken")
	case errors.Is(err, io.EOF):
		return reportFault("malformed", "must not be empty")
	case errors.As(err, &parse):
		return reportFault("malformed", fmt.Sprintf("must be CSV: line %d cannot be read; the rows before were taken", parse.Line))
	}
	return fmt.Errorf("reading a settlement report: %w", err)
}

// reportHead checks the names of the columns.
func reportHead(head []string) (columns []string, err error) {
	for _, name := range head {
		name = strings.ToLower(strings.TrimSpace(name))
		if _, known := reportColumns[name]; !known || slices.Contains(columns, name) {
			return nil, reportFault("unknown_column", "must begin with a row of column names, each once: type, processor, reference, amount, currency, fee, settled_at")
		}
		columns = append(columns, name)
	}
	for name, required := range reportColumns {
		if required && !slices.Contains(columns, name) {
			return nil, reportFault("missing_column", "must have a column "+name)
		}
	}
	return columns, nil
}

// reportRow reads one row; bad says what is wrong with it.
func reportRow(number int, columns, values []string, now time.Time) (row settledRow, bad string) {
	v := map[string]string{}
	for i, name := range columns {
		if len(values[i]) > maxReportText || !utf8.ValidString(values[i]) || !pay.CleanText(values[i], false) {
			return settledRow{number: number}, name + " must be plain text in UTF-8 of at most 200 bytes"
		}
		v[name] = strings.TrimSpace(values[i])
	}
	row = settledRow{number: number, processor: v["processor"], Settled: processor.Settled{
		Kind: processor.SettledKind(v["type"]), Reference: v["reference"], At: now,
	}}
	if !row.Kind.Known() {
		return row, "type must be capture, refund, dispute, dispute_reversal, fee, adjustment or reversal"
	}
	if row.processor == "" || row.Reference == "" {
		return row, "processor and reference must not be empty"
	}
	if row.Kind.Lone() && strings.Trim(row.Reference, reportName) != "" {
		return row, "reference must be of letters, digits, dots, dashes and underscores"
	}
	amount, minus := v["amount"], false
	if row.Kind == processor.SettledAdjustment {
		amount, minus = strings.CutPrefix(amount, "-")
	}
	var err error
	if row.Amount, err = pay.ParseMajor(amount, pay.Currency(v["currency"])); err != nil || row.Amount.Minor == 0 {
		return row, "amount and currency must be a decimal above zero, with no more digits than the currency has"
	}
	if minus {
		row.Amount.Minor = -row.Amount.Minor
	}
	if v["fee"] != "" {
		fee, err := pay.ParseMajor(v["fee"], row.Amount.Currency)
		if row.Fee = fee.Minor; err != nil || row.Fee > 0 && !row.Kind.Charged() {
			return row, "fee must be a decimal, and only of a capture, refund or dispute"
		}
	}
	if v["settled_at"] != "" {
		if row.At, err = reportTime(v["settled_at"]); err != nil || row.At.After(now) || row.At.Year() < 2000 {
			return row, "settled_at must be a time or date that has been"
		}
	}
	return row, ""
}

const reportName = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_"

func reportTime(s string) (time.Time, error) {
	if at, err := time.Parse(time.DateOnly, s); err == nil {
		return at, nil
	}
	at, err := time.Parse(time.RFC3339Nano, s)
	return at.UTC().Truncate(time.Microsecond), err
}

// limitedReader is io.LimitedReader for which a file that is too long does not
// end but fails: its last row must not be read in part. left is then below zero.
type limitedReader struct {
	r    io.Reader
	left int64
}

var errTooLong = errors.New("the file is too long")

func (l *limitedReader) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, errTooLong
	}
	return n, err
}
