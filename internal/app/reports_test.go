package app

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"paylink/internal/page"
	"paylink/internal/web"
)

// counted is the value of a counter with one label.
func counted(t *testing.T, m *metrics, name, label string) float64 {
	t.Helper()
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, one := range f.GetMetric() {
			if f.GetName() == name && one.GetLabel()[0].GetValue() == label {
				return one.GetCounter().GetValue()
			}
		}
	}
	return 0
}

func TestReports(t *testing.T) {
	limit, err := newReportLimit()
	if err != nil {
		t.Fatal(err)
	}
	var lines bytes.Buffer
	a := &App{metrics: newMetrics(), reportLimit: limit, log: slog.New(slog.NewTextHandler(&lines, nil))}
	mux := web.NewMux(web.Problem)
	mux.Route("POST "+page.ReportPath, a.takeReports)
	handler := web.Edge(slog.New(slog.DiscardHandler), mux, web.EdgeOptions{})
	send := func(from, kind, body string) int {
		r, w := httptest.NewRequest("POST", page.ReportPath, strings.NewReader(body)), httptest.NewRecorder()
		r.RemoteAddr = from + ":1"
		r.Header.Set("Content-Type", kind)
		handler.ServeHTTP(w, r)
		return w.Code
	}
	const kind = "application/reports+json"
	const entry = `{"type":"csp-violation","url":"https://pay.example/l/secrettoken","age":1,"user_agent":"Browser 7",
		"body":{"effectiveDirective":%q,"blockedURL":%q,"documentURL":"https://pay.example/l/secrettoken","sample":"name@mail.example"}}`
	good := "[" + fmt.Sprintf(entry, "script-src-elem", "https://evil.example/x.js?mail=name@mail.example") + "," +
		fmt.Sprintf(entry, "made\nup", "javascript:alert(1)") + `,{"type":"deprecation"}]`
	if status := send("192.0.2.1", kind, good); status != http.StatusNoContent {
		t.Fatalf("a report: %d", status)
	}
	for directive, want := range map[string]float64{"script-src-elem": 1, "other": 1} {
		if got := counted(t, a.metrics, "paylink_csp_reports_total", directive); got != want {
			t.Errorf("%s was counted %v times", directive, got)
		}
	}
	log := lines.String()
	if !strings.Contains(log, "directive=script-src-elem blocked=https://evil.example ") || strings.Count(log, "\n") != 2 {
		t.Errorf("the log: %s", log)
	}
	for _, personal := range []string{"secrettoken", "mail", "Browser 7", "alert", "made", "192.0.2.1"} {
		if strings.Contains(log, personal) {
			t.Errorf("the log has %q: %s", personal, log)
		}
	}
	for _, c := range []struct {
		kind, body string
		status     int
	}{
		{"application/json", good, 400}, {kind, "{", 400}, {kind, `{"type":1}`, 400},
		{kind, "[" + strings.Repeat(" ", maxReports) + "]", 413},
		{kind, "[" + strings.Repeat(`{},`, 99) + fmt.Sprintf(entry, "img-src", "inline") + "]", 204},
	} {
		if status := send("192.0.2.2", c.kind, c.body); status != c.status {
			t.Errorf("%.20s: %d, want %d", c.body, status, c.status)
		}
	}
	if got := counted(t, a.metrics, "paylink_csp_reports_total", "img-src"); got != 0 {
		t.Error("more reports of one request were looked at than is allowed")
	}
	last := 0
	for range reportsBurst + 1 {
		last = send("192.0.2.3", kind, "[]")
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("after the limit: %d", last)
	}
}
