package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// pageRequest asks for a link's page as a browser does.
func pageRequest(host, path string) []byte {
	return request("GET", path, host, "Accept: text/html\r\nAccept-Encoding: gzip\r\n", "")
}

// fetch asks for a page or what it loads, on a connection of its own; wire is
// the size of the answer with its head.
func fetch(p *process, path string) (body []byte, wire int, err error) {
	status, body, wire, err := once(p.address, pageRequest(p.address, path))
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("GET %s is answered with %d", path, status)
	}
	return body, wire, err
}

// stored gives a running server among whose links those of the sample are. The
// first opening of each, which is written down, is over.
func (b *bench) stored(count int) (p *process, sample []linkName, err error) {
	dir, err := b.newDir("stored")
	if err != nil {
		return nil, nil, err
	}
	begin := time.Now()
	if sample, err = storeLinks(b.ctx, dir, count); err != nil {
		return nil, nil, err
	}
	fmt.Fprintf(os.Stderr, "  stored %d links in %s\n", count, time.Since(begin).Round(time.Second))
	if p, err = b.startServer(dir, "", ""); err != nil {
		return nil, nil, err
	}
	for _, l := range sample {
		if _, _, err := fetch(p, "/l/"+l.token); err != nil {
			p.stop()
			return nil, nil, err
		}
	}
	return p, sample, nil
}

// checkoutPage holds the payer's page against a bare handler with the same
// bytes, each in a process of its own, and looks at the answer times at half
// the rate it reached.
func checkoutPage(b *bench) error {
	p, sample, err := b.stored(b.links)
	if err != nil {
		return err
	}
	defer p.stop()
	pages := make([][]byte, len(sample))
	for i, l := range sample {
		pages[i] = pageRequest(p.address, "/l/"+l.token)
	}
	ours := func(n int64) []byte { return pages[n%int64(len(pages))] }
	bare, err := b.startBare(p.address, sample[0])
	if err != nil {
		return err
	}
	defer bare.stop()
	one := pageRequest(bare.address, "/page")
	ask := func() (float64, error) { return closedLoop(b.ctx, p.address, b.clients, b.length, 200, ours) }
	d, err := b.alternate(
		func() (float64, error) { return p.noting("pages", b.length, ask) },
		func() (float64, error) {
			return bare.noting("bare answers", b.length, func() (float64, error) {
				return closedLoop(b.ctx, bare.address, b.clients, b.length, 200, func(int64) []byte { return one })
			})
		})
	if err != nil {
		return err
	}
	what := fmt.Sprintf("checkout page, one of %d links", b.links)
	b.table.addRate(what, "bare handler, the same bytes", d, 0.6)
	var p50, p99 []float64
	for range b.rounds {
		times, err := openLoop(b.ctx, p.address, 2*b.clients, d.measured()/2, b.length, 200, ours)
		if err != nil {
			return err
		}
		p50, p99 = append(p50, float64(quantile(times, .5))), append(p99, float64(quantile(times, .99)))
	}
	slow := time.Duration(median(p99))
	b.table.add(row{
		what: fmt.Sprintf("checkout page at %.0f/s, open model: p99", d.measured()/2), measured: ms(slow),
		reference: "p50 " + ms(time.Duration(median(p50))), ratio: "–", goal: "≤ 5 ms", reached: slow <= 5*time.Millisecond,
	})
	return b.profile(p, "checkout", func() error { _, err := ask(); return err })
}

// bareCommand is the argument that makes this program the reference: a handler
// that does nothing but write bytes.
const bareCommand = "bare-handler"

// startBare asks the product for a page once and has the reference serve the
// same answer, header and body.
func (b *bench) startBare(address string, l linkName) (*process, error) {
	r, err := http.NewRequestWithContext(b.ctx, "GET", "http://"+address+"/l/"+l.token, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept-Encoding", "gzip") // by hand: the client leaves the body as it is
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	file := filepath.Join(b.dir, "answer")
	out, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	if err := resp.Write(out); err != nil {
		return nil, err
	}
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	own := freeAddress()
	return startProcess(program, []string{bareCommand, own, file}, own, "")
}

var (
	loads    = regexp.MustCompile(`<(?:link|script|img|iframe|source|object|embed|video|audio)\b[^>]*?\b(?:src|href|data)="([^"]*)"`)
	cssLoads = regexp.MustCompile(`(?:url\(|@import)\s*["']?([^"')\s;]+)`)
)

// firstView counts what a browser that has never been here receives to show a
// link: the page and all it loads, with the heads of the answers.
func firstView(b *bench) error {
	p, sample, err := b.stored(1)
	if err != nil {
		return err
	}
	defer p.stop()
	path := "/l/" + sample[0].token
	resp, err := http.Get("http://" + p.address + path) // unpacked by the client: to be read
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var page strings.Builder
	if err := resp.Write(&page); err != nil {
		return err
	}
	total, foreign, parts := 0, 0, []string{}
	for _, next := range append([]string{path}, b.loadedBy(p, page.String())...) {
		if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") {
			if !strings.HasPrefix(next, "data:") {
				foreign++
			}
			continue
		}
		_, wire, err := fetch(p, next)
		if err != nil {
			return err
		}
		total += wire
		parts = append(parts, fmt.Sprintf("%d", wire))
	}
	b.table.add(row{
		what: "checkout, first view: bytes on the wire", measured: fmt.Sprintf("%.1f KB", float64(total)/1000),
		reference: strings.Join(parts, " + ") + " bytes", ratio: "–", goal: "≤ 14 KB", reached: total <= 14_000,
	})
	b.table.add(row{
		what: "checkout, first view: third-party requests", measured: fmt.Sprint(foreign), reference: "–", ratio: "–", goal: "0", reached: foreign == 0,
	})
	return nil
}

// loadedBy names what a page loads, and what its style sheets load in turn.
func (b *bench) loadedBy(p *process, page string) (paths []string) {
	seen := map[string]bool{}
	add := func(path string) {
		path = strings.ReplaceAll(path, "&amp;", "&")
		if !seen[path] {
			seen[path] = true
			paths = append(paths, path)
		}
	}
	for _, m := range loads.FindAllStringSubmatch(page, -1) {
		add(m[1])
	}
	for _, path := range paths {
		if !strings.HasSuffix(path, ".css") {
			continue
		}
		if _, body, _, err := once(p.address, request("GET", path, p.address, "", "")); err == nil { // not packed: to be read
			for _, m := range cssLoads.FindAllStringSubmatch(string(body), -1) {
				add(m[1])
			}
		}
	}
	return paths
}
