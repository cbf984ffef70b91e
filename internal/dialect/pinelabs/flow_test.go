package pinelabs

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"paylink/internal/core/coretest"
	"paylink/internal/pay"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
)

// TestPaidByCard follows a link from its making to the payer's way back.
func TestPaidByCard(t *testing.T) {
	storetest.Each(t, func(t *testing.T, o store.Options) {
		world := coretest.New(t, o)
		d := New(world.Core, "").(*pinelabs)
		r := httptest.NewRequest("POST", "/api/pay/v1/paymentlink", nil)
		for _, c := range []struct{ ref, members, status, wireStatus, event string }{
			{"A-1", `"callback_url":"https://shop.example/ok"`, statusProcessed, orderProcessed, "ORDER_PROCESSED"},
			{"A-2", `"callback_url":"https://shop.example/ok","pre_auth":"true"`, statusInitiated, orderAuthorized, "ORDER_AUTHORIZED"},
		} {
			link, err := parseAt(with(`"merchant_payment_link_reference":"`+c.ref+`",`+c.members), world.Clock.Now())
			if err != nil {
				t.Fatal(err)
			}
			made, err := world.CreateLink(r.Context(), world.Pine, createOf(d, link))
			if err != nil {
				t.Fatal(err)
			}
			paid, err := world.Card(made.Link, "4242424242424242")
			if err != nil {
				t.Fatal(err)
			}
			view, err := world.LinkByWireID(r.Context(), world.Pine, made.Link.WireID)
			if err != nil || linkStatus(view.Link, view.Payments) != c.status {
				t.Fatalf("%s: %s %v %+v", c.ref, linkStatus(view.Link, view.Payments), err, view.Payments)
			}
			back, ok := d.Return(view.Link, paid, coretest.PineSecret, world.Clock.Now())
			if !ok || back.Fields[1].Value != c.wireStatus {
				t.Errorf("%s: %+v %v", c.ref, back, ok)
			}
			if told := words(t, world, d, made.Link.ID); !strings.Contains(told, `"event_type":"`+c.event+`"`) {
				t.Errorf("%s: %s", c.ref, told)
			}
		}
	})
}

// words are the messages of all events of a link.
func words(t *testing.T, world *coretest.World, d *pinelabs, id pay.LinkID) string {
	t.Helper()
	ctx, all := context.Background(), ""
	for seq := int64(1); ; seq++ {
		e, err := world.Store.Event(ctx, world.Pine.Tenant, id, seq)
		if err != nil {
			return all
		}
		if msg, ok := d.Word(e, pay.Merchant{}, ""); ok {
			all += string(msg.Body) + "\n"
		}
	}
}
