package core

import (
	"context"

	"paylink/internal/pay"
	"paylink/internal/store"
)

// LinkRows are the rows that a proof of one link reads.
type LinkRows = linkRows

// ProveRows proves the rows of one link.
func ProveRows(l store.StoredLink, rows LinkRows) error {
	return newLinkProof(l).rows(context.Background(), rows)
}

// CloseByRule closes the open differences of which gone says so.
func CloseByRule(c *Core, t pay.Tenant, gone func(pay.Discrepancy) bool) error {
	return c.settled(context.Background(), t, store.DifferenceFilter{}, gone)
}
