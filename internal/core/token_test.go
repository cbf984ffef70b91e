package core_test

import (
	"context"
	"testing"
	"time"

	"paylink/internal/core/coretest"
	"paylink/internal/pay"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// A bearer token is good until it expires, and not a moment longer.
func TestTokenExpires(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		ctx := context.Background()
		w := coretest.New(t, o)
		grants, err := w.Grants(ctx, "pinelabs", coretest.PineID)
		if err != nil || len(grants) != 1 {
			t.Fatalf("grants: %v %v", grants, err)
		}
		token, expires, err := w.IssueToken(ctx, grants[0], "pinelabs", 10*time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		w.Clock.Add(expires.Sub(w.Store.Now()) - time.Second)
		if who, err := w.AuthenticateToken(ctx, "pinelabs", token, "req_test"); err != nil || who.Tenant != w.Pine.Tenant {
			t.Errorf("a second before it expires the token is %v's, %v", who.Tenant, err)
		}
		w.Clock.Add(time.Second)
		if who, err := w.AuthenticateToken(ctx, "pinelabs", token, "req_test"); pay.KindOf(err) != pay.Unauthorized {
			t.Errorf("when it has expired the token is %v's, %v", who.Tenant, err)
		}
	})
}
