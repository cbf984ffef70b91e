package main

import (
	"fmt"
	"os"
	"time"
)

// footprint measures the binary, and a server that has just started on an empty
// directory: until its first answer, and its memory when nothing happens.
func footprint(b *bench) error {
	info, err := os.Stat(b.program)
	if err != nil {
		return err
	}
	size := float64(info.Size()) / 1e6
	var starts, memory []float64
	for range max(5, b.rounds) {
		dir, err := b.newDir("start")
		if err != nil {
			return err
		}
		p, err := b.startServer(dir, "", "")
		if err != nil {
			return err
		}
		starts = append(starts, float64(time.Since(p.started)))
		time.Sleep(idleTime)
		mb, err := p.residentMB()
		p.stop()
		if err != nil {
			return err
		}
		memory = append(memory, mb)
	}
	start := time.Duration(median(starts))
	b.table.add(row{"binary", fmt.Sprintf("%.1f MB", size), "–", "–", "≤ 40 MB", size <= 40})
	b.table.add(row{"memory when idle", fmt.Sprintf("%.1f MB", median(memory)), "–", "–", "≤ 50 MB", median(memory) <= 50})
	b.table.add(row{"start to first answer, empty directory", ms(start), "–", "–", "≤ 300 ms", start <= 300*time.Millisecond})
	return nil
}

// idleTime is how long after its start a server is left alone before its memory is read.
const idleTime = 2 * time.Second
