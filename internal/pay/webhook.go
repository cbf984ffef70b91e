package pay

import "time"

// Endpoint is where a merchant's server hears of events.
type Endpoint struct {
	Tenant
	ID        EndpointID
	Dialect   string      // words and signs what is sent
	Label     string      // the owner's name for it; may be empty
	URL       string      // canonical
	Kinds     []EventKind // empty: all
	Link      LinkID      // set: only this link's events
	Enabled   bool
	Secrets   []Secret // newest first; at most MaxSecrets live ones
	FailSince time.Time
	Failures  int64 // deliveries failed since the last success
	CreatedAt time.Time
	UpdatedAt time.Time
}

// MaxSecrets is how many secrets may sign for one endpoint at once.
const MaxSecrets = 3

// Secret signs deliveries until it ends; the zero time is no end.
type Secret struct {
	Value string    `json:"value"`
	Until time.Time `json:"until,omitzero"`
}

// LiveSecrets are the values that sign at now, newest first.
func (e Endpoint) LiveSecrets(now time.Time) []string {
	var live []string
	for _, s := range e.Secrets {
		if s.Until.IsZero() || now.Before(s.Until) {
			live = append(live, s.Value)
		}
	}
	return live
}

// DeliveryState is how far one event is on its way to one endpoint.
type DeliveryState string

// The states of a delivery.
const (
	DeliveryPending   DeliveryState = "pending"
	DeliveryDelivered DeliveryState = "delivered"
	DeliveryExhausted DeliveryState = "exhausted" // kept, and replayable
	DeliverySkipped   DeliveryState = "skipped"   // the dialect has no word for the event
)

// Delivery is one event for one endpoint. Its lane is (endpoint, link).
type Delivery struct {
	Tenant
	Endpoint  EndpointID
	Link      LinkID
	Seq       int64 // of the event in its link
	Event     EventID
	Kind      EventKind
	State     DeliveryState
	DueAt     time.Time
	Fence     int64  // rises with each claim; a completion with an old one is refused
	Tries     int64  // since it was written or last replayed
	Body      []byte // worded at the first try, the same for ever (W3)
	Status    int    // HTTP status of the last try; 0: no answer
	Problem   string // what went wrong at the last try, for the merchant
	FirstTry  time.Time
	LastTry   time.Time
	CreatedAt time.Time
}

// ID names the delivery for callers: endpoint and event.
func (d Delivery) ID() string { return string(d.Endpoint) + "." + string(d.Event) }
