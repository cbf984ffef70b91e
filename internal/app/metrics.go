package app

import (
	"net/http"
	"net/http/pprof"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"paylink/internal/core"
	"paylink/internal/pay"
	"paylink/internal/webhook"
)

// metrics are what an operator watches.
type metrics struct {
	registry   *prometheus.Registry
	requests   *prometheus.HistogramVec
	alarms     *prometheus.CounterVec
	deliveries *prometheus.HistogramVec
	firstTry   prometheus.Histogram
	reports    *prometheus.CounterVec
	waiting    *prometheus.GaugeVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "paylink_request_seconds", Help: "Time to answer a request.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 30},
		}, []string{"route", "method", "status"}),
		alarms: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "paylink_alarms_total", Help: "Things a person must look at."}, []string{"kind"}),
		deliveries: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "paylink_delivery_seconds", Help: "Time of one try to deliver a webhook, by dialect and the state after it.",
			Buckets: []float64{.01, .05, .1, .5, 1, 5, 15},
		}, []string{"dialect", "state"}),
		firstTry: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "paylink_delivery_lag_seconds", Help: "From an event to the first try of its delivery.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 5, 30},
		}),
		reports: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "paylink_csp_reports_total", Help: "Browsers' reports of what a page's policy kept out, by directive. Anyone can send one.",
		}, []string{"directive"}),
		waiting: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "paylink_waiting", Help: "Reviews and differences that wait for a person, and operations no processor has taken within five minutes; of the whole installation.",
		}, []string{"what"}),
	}
	m.registry.MustRegister(m.requests, m.alarms, m.deliveries, m.firstTry, m.reports, m.waiting, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) observe(route, method string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Observe(took.Seconds())
}

func (m *metrics) alarm(kind string) { m.alarms.WithLabelValues(kind).Inc() }

func (m *metrics) waits(w core.Waiting) {
	m.waiting.WithLabelValues("operation").Set(float64(w.Operations))
	m.waiting.WithLabelValues("review").Set(float64(w.Reviews))
	m.waiting.WithLabelValues("difference").Set(float64(w.Differences))
}

func (m *metrics) webhooks() webhook.Metrics {
	return webhook.Metrics{
		Tried: func(dialect string, state pay.DeliveryState, took time.Duration) {
			m.deliveries.WithLabelValues(dialect, string(state)).Observe(took.Seconds())
		},
		FirstTry: func(late time.Duration) { m.firstTry.Observe(late.Seconds()) },
	}
}

// handler serves /metrics and /debug/pprof, on a listener of its own only.
func (m *metrics) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}
