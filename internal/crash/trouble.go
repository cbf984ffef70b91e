package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"
)

// trouble kills and pauses servers at random moments, in any order, as often as
// the plan says.
func (c *cluster) trouble(ctx context.Context, p plan, draw *rand.Rand) error {
	between := p.between
	if between == 0 {
		between = time.Second
		if n := p.kills + p.pauses; p.payments > 0 && n > 0 {
			between = time.Duration(p.payments) * time.Second / time.Duration(p.rate*n)
		}
	}
	for kills, pauses := p.kills, p.pauses; kills+pauses > 0; {
		if err := sleep(ctx, upTo(draw, 2*between)); err != nil {
			return err
		}
		n := c.nodes[draw.IntN(len(c.nodes))]
		if draw.IntN(kills+pauses) < pauses {
			pauses--
			if err := n.pause(ctx, p.pause); err != nil {
				return err
			}
			continue
		}
		kills--
		again := kills > 0 && draw.IntN(5) == 0
		if again {
			kills--
		}
		if err := n.crash(ctx, again, draw); err != nil {
			return err
		}
	}
	return sleep(ctx, between)
}

// crash kills the server and starts it again; when again, the new one is killed
// too, while it starts.
func (n *node) crash(ctx context.Context, again bool, draw *rand.Rand) error {
	err := n.kill()
	if err == nil && again {
		err = errors.Join(n.spawn(ctx), sleep(ctx, upTo(draw, 100*time.Millisecond)), n.kill())
	}
	if err != nil {
		return err
	}
	return n.start(ctx)
}

// pause stops the process wherever it is, with whatever it holds, and lets it go on
// after a while as if no time had passed.
func (n *node) pause(ctx context.Context, d time.Duration) error {
	if err := n.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return fmt.Errorf("stopping the server: %w", err)
	}
	err := sleep(ctx, d)
	if err := n.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		return fmt.Errorf("letting the server go on: %w", err)
	}
	return err
}
