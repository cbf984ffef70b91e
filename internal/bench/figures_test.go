package main

import (
	"strings"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		figures []float64
		want    float64
	}{
		{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 2, 100}, 3},
	} {
		if got := median(c.figures); got != c.want {
			t.Errorf("the median of %v is %v, want %v", c.figures, got, c.want)
		}
	}
}

func TestQuantile(t *testing.T) {
	var times []time.Duration
	for i := range 100 {
		times = append(times, time.Duration(100-i)) // 100 … 1
	}
	for p, want := range map[float64]time.Duration{0: 1, .5: 51, .95: 96, .99: 100, 1: 100} {
		if got := quantile(times, p); got != want {
			t.Errorf("quantile %v is %d, want %d", p, got, want)
		}
	}
	if got := quantile(nil, .99); got != 0 {
		t.Errorf("a quantile of nothing is %d", got)
	}
}

func TestAddRate(t *testing.T) {
	var list table
	list.addRate("a", "b", duel{ours: []float64{150}, theirs: []float64{100}}, 1.5)
	list.addRate("a", "b", duel{ours: []float64{149}, theirs: []float64{100}}, 1.5)
	if !list[0].reached || list[1].reached {
		t.Errorf("reached are %v and %v of a goal of 1.5 at 1.50 and 1.49", list[0].reached, list[1].reached)
	}
	if want := "| a | 150/s | b: 100/s | 1.50 | ≥ 1.5 | yes |\n"; !strings.Contains(list.markdown(), want) {
		t.Errorf("the table is\n%swithout\n%s", list.markdown(), want)
	}
}
