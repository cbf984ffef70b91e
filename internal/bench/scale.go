package main

import (
	"fmt"
	"strconv"
	"time"
)

const (
	fewLinks  = 1000
	askedEach = 300 // requests of one round; few, since each creation makes the few more
)

// manyLinks holds get, list and create among many links against the same among
// few, one request at a time.
func manyLinks(b *bench) error {
	few, fewSample, err := b.stored(fewLinks)
	if err != nil {
		return err
	}
	defer few.stop()
	many, manySample, err := b.stored(b.links)
	if err != nil {
		return err
	}
	defer many.stop()
	bearer := "Authorization: Bearer " + apiKey + "\r\n"
	for _, kind := range []struct {
		name string
		want int
		make func(p *process, sample []linkName, n int) []byte
	}{
		{"get", 200, func(p *process, sample []linkName, n int) []byte {
			return request("GET", "/v1/payment_links/"+sample[n*7%len(sample)].id, p.address, bearer, "")
		}},
		{"list, 20 newest", 200, func(p *process, _ []linkName, _ int) []byte {
			return request("GET", "/v1/payment_links?limit=20", p.address, bearer, "")
		}},
		{"create", 201, func(p *process, _ []linkName, n int) []byte {
			return createRequest(p.address, strconv.FormatInt(time.Now().UnixNano(), 36), int64(n))
		}},
	} {
		d, err := b.alternate(
			func() (float64, error) {
				return oneByOne(many, kind.want, func(n int) []byte { return kind.make(many, manySample, n) })
			},
			func() (float64, error) {
				return oneByOne(few, kind.want, func(n int) []byte { return kind.make(few, fewSample, n) })
			})
		if err != nil {
			return err
		}
		ratio := d.measured() / d.reference()
		b.table.add(row{
			what: fmt.Sprintf("%s at %d links: p95", kind.name, b.links), measured: ms(time.Duration(d.measured())),
			reference: fmt.Sprintf("at %d: %s", fewLinks, ms(time.Duration(d.reference()))),
			ratio:     fmt.Sprintf("%.2f", ratio), goal: "≤ 1.2", reached: ratio <= 1.2,
		})
	}
	return nil
}

// oneByOne asks one request after another and gives the p95 in nanoseconds.
func oneByOne(p *process, want int, next func(n int) []byte) (float64, error) {
	c, err := dial(p.address)
	if err != nil {
		return 0, err
	}
	defer c.conn.Close()
	times := make([]time.Duration, 0, askedEach)
	for n := range askedEach {
		text, begin := next(n), time.Now()
		status, body, _, err := c.do(text)
		if err != nil {
			return 0, err
		}
		if status != want {
			return 0, fmt.Errorf("answered with %d: %s", status, body)
		}
		times = append(times, time.Since(begin))
	}
	return float64(quantile(times, .95)), nil
}
