package pinelabs

import (
	"net/http"
	"strconv"
	"time"

	"paylink/internal/core"
	"paylink/internal/pay"
	"paylink/internal/web"
)

// Limits of the reporting call (sheet 4).
const (
	maxRange    = 60 * 24 * time.Hour
	maxPerPage  = 100
	defaultPage = 20      // links where per_page is absent [X]
	maxPage     = 100_000 // pages
)

// reportOut is a page of links, the newest first [X].
type reportOut struct {
	Data []linkOut  `json:"data"`
	Meta reportMeta `json:"meta"`
}

type reportMeta struct {
	Page       int64 `json:"current_page"`
	PerPage    int64 `json:"per_page"`
	Total      int64 `json:"total_count"`
	TotalPages int64 `json:"total_pages"`
}

// report lists the links that were made within a time, the end included.
func (d *pinelabs) report(w http.ResponseWriter, r *http.Request) error {
	who, err := d.Authenticate(r)
	if err != nil {
		return err
	}
	var bad pay.Faults
	q := r.URL.Query()
	scan := core.LinkScan{From: reportTime(&bad, "start_date", q.Get("start_date")), To: reportTime(&bad, "end_date", q.Get("end_date"))}
	page := reportNumber(&bad, "page", q.Get("page"), 1, maxPage)
	perPage := reportNumber(&bad, "per_page", q.Get("per_page"), defaultPage, maxPerPage)
	if err := bad.Err(); err != nil {
		return err
	}
	switch {
	case scan.To.Before(scan.From):
		bad.Add("end_date", "before_start", "must not be before start_date")
	case scan.To.Sub(scan.From) > maxRange:
		bad.Add("end_date", "too_late", "must be within 60 days of start_date")
	}
	if err := bad.Err(); err != nil {
		return err
	}
	out := reportOut{Data: []linkOut{}, Meta: reportMeta{Page: page, PerPage: perPage}}
	scan.To = scan.To.Add(time.Microsecond)
	if len(q.Get("end_date")) == len(time.DateOnly) {
		scan.To = scan.To.Add(24*time.Hour - time.Microsecond) // the whole day
	}
	if out.Meta.Total, err = d.core.CountLinks(r.Context(), who, scan); err != nil {
		return err
	}
	out.Meta.TotalPages = (out.Meta.Total + perPage - 1) / perPage
	skip := (page - 1) * perPage
	if skip < out.Meta.Total {
		err = d.core.ScanLinks(r.Context(), who, scan, func(v core.LinkView) bool {
			if skip--; skip < 0 {
				out.Data = append(out.Data, newLinkOut(v.Link, v.Payments, d.PayURL(d.publicURL, v.Link)))
			}
			return int64(len(out.Data)) < perPage
		})
	}
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusOK, out)
}

// reportTime is a time, or the beginning of a day.
func reportTime(bad *pay.Faults, path, s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err == nil {
		return t
	}
	t, ok := parseExpiry(s)
	if !ok {
		bad.Add(path, "not_a_time", "must be an ISO 8601 time such as 2026-11-01T00:00:00")
	}
	return t
}

func reportNumber(bad *pay.Faults, path, s string, absent, most int64) int64 {
	if s == "" {
		return absent
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 1 || n > most {
		bad.Add(path, "out_of_range", "must be from 1 to "+strconv.FormatInt(most, 10))
	}
	return n
}
