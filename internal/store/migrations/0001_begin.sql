-- +goose Up

-- Every table but locators begins with merchant and mode, so that the schema
-- can be distributed by merchant; no key, sequence or lock spans merchants.
-- Money is BIGINT minor units, times are BIGINT microseconds since 1970, 0 is "not set".

-- What belongs to the whole installation has the empty merchant.
CREATE TABLE settings (
    merchant TEXT NOT NULL, mode TEXT NOT NULL, name TEXT NOT NULL,
    value BYTEA NOT NULL,
    PRIMARY KEY (merchant, mode, name)
);

CREATE TABLE merchants (
    merchant TEXT NOT NULL, mode TEXT NOT NULL,
    name TEXT NOT NULL, country TEXT NOT NULL, settings TEXT NOT NULL,
    demo BIGINT NOT NULL, created_at BIGINT NOT NULL,
    PRIMARY KEY (merchant, mode)
);

-- A row is one grant of a credential: a credential that serves several tenants
-- has a row at each of them.
CREATE TABLE credentials (
    merchant TEXT NOT NULL, mode TEXT NOT NULL, id TEXT NOT NULL,
    dialect TEXT NOT NULL, lookup TEXT NOT NULL, external TEXT NOT NULL,
    secret_hash TEXT NOT NULL, sealed BYTEA, last4 TEXT NOT NULL,
    created_at BIGINT NOT NULL, revoked_at BIGINT NOT NULL,
    PRIMARY KEY (merchant, mode, id)
);

-- Where a token, slug or key arrives without a merchant, this finds it.
CREATE TABLE locators (
    kind TEXT NOT NULL, hash TEXT NOT NULL,
    merchant TEXT NOT NULL, mode TEXT NOT NULL, ref TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (kind, hash, merchant, mode, ref)
);
CREATE INDEX locators_expiring ON locators (expires_at) WHERE expires_at > 0;

CREATE TABLE links (
    merchant TEXT NOT NULL, mode TEXT NOT NULL, id TEXT NOT NULL,
    seq BIGINT NOT NULL, state TEXT NOT NULL, dialect TEXT NOT NULL,
    wire_id TEXT, reference TEXT, unique_ref TEXT, search TEXT NOT NULL,
    currency TEXT NOT NULL, total BIGINT, applied BIGINT NOT NULL, released BIGINT NOT NULL,
    use_count BIGINT NOT NULL, max_uses BIGINT NOT NULL,
    due_at BIGINT, created_at BIGINT NOT NULL, first_viewed_at BIGINT NOT NULL,
    body TEXT NOT NULL, sealed BYTEA NOT NULL, last_hash TEXT NOT NULL,
    PRIMARY KEY (merchant, mode, id),
    CHECK (applied >= 0 AND released >= 0 AND applied <= 999999999999000),
    CHECK (total IS NULL OR applied + released <= total),
    CHECK (max_uses = 0 OR use_count <= max_uses)
);
CREATE UNIQUE INDEX links_unique_ref ON links (merchant, mode, dialect, unique_ref) WHERE unique_ref IS NOT NULL;
CREATE UNIQUE INDEX links_wire_id ON links (merchant, mode, dialect, wire_id) WHERE wire_id IS NOT NULL;
CREATE INDEX links_newest ON links (merchant, mode, created_at, id);
CREATE INDEX links_reference ON links (merchant, mode, reference) WHERE reference IS NOT NULL;
CREATE INDEX links_due ON links (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE payments (
    merchant TEXT NOT NULL, mode TEXT NOT NULL, id TEXT NOT NULL,
    link TEXT NOT NULL, number BIGINT NOT NULL, slot TEXT, state TEXT NOT NULL,
    currency TEXT NOT NULL, requested BIGINT NOT NULL, created_at BIGINT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (merchant, mode, id),
    FOREIGN KEY (merchant, mode, link) REFERENCES links (merchant, mode, id),
    CHECK (requested >= 0 AND requested <= 999999999999),
    CHECK (slot IS NULL OR state IN ('open', 'applied')),
    CHECK (state <> 'applied' OR slot IS NOT NULL)
);
-- The second barrier against paying twice (INVARIANTS 5.1).
CREATE UNIQUE INDEX payments_slot ON payments (merchant, mode, link, slot) WHERE slot IS NOT NULL;
CREATE UNIQUE INDEX payments_number ON payments (merchant, mode, link, number);
CREATE INDEX payments_newest ON payments (merchant, mode, created_at, id);

CREATE TABLE attempts (
    merchant TEXT NOT NULL, mode TEXT NOT NULL, id TEXT NOT NULL,
    payment TEXT NOT NULL, link TEXT NOT NULL, state TEXT NOT NULL,
    processor TEXT NOT NULL, processor_ref TEXT, currency TEXT NOT NULL,
    requested BIGINT NOT NULL, authorized BIGINT NOT NULL, captured BIGINT NOT NULL,
    refunding BIGINT NOT NULL, refunded BIGINT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (merchant, mode, id),
    FOREIGN KEY (merchant, mode, payment) REFERENCES payments (merchant, mode, id),
    CHECK (refunding >= 0 AND refunded >= 0 AND refunding + refunded <= captured
           AND captured <= authorized AND authorized <= requested)
);
-- A processor's payment belongs to one attempt, for ever (P5).
CREATE UNIQUE INDEX attempts_processor_ref ON attempts (merchant, mode, processor, processor_ref) WHERE processor_ref IS NOT NULL;
CREATE INDEX attempts_payment ON attempts (merchant, mode, payment);

CREATE TABLE operations (
    merchant TEXT NOT NULL, mode TEXT NOT NULL, id TEXT NOT NULL,
    link TEXT NOT NULL, attempt TEXT NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL,
    created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, body TEXT NOT NULL,
    due_at BIGINT, lease_until BIGINT NOT NULL, fence BIGINT NOT NULL, tries BIGINT NOT NULL,
    PRIMARY KEY (merchant, mode, id),
    CHECK (due_at IS NOT NULL OR state IN ('succeeded', 'failed', 'unknown'))
);
CREATE INDEX operations_due ON operations (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX operations_attempt ON operations (merchant, mode, attempt);

CREATE TABLE entries (
    merchant TEXT NOT NULL, mode TEXT NOT NULL, link TEXT NOT NULL,
    movement TEXT NOT NULL, line BIGINT NOT NULL,
    account TEXT NOT NULL, currency TEXT NOT NULL, amount BIGINT NOT NULL, at BIGINT NOT NULL,
    PRIMARY KEY (merchant, mode, link, movement, line)
);

CREATE TABLE events (
    merchant TEXT NOT NULL, mode TEXT NOT NULL, link TEXT NOT NULL, seq BIGINT NOT NULL,
    id TEXT NOT NULL, kind TEXT NOT NULL, at BIGINT NOT NULL,
    record TEXT NOT NULL, sealed BYTEA NOT NULL, prev_hash TEXT NOT NULL, hash TEXT NOT NULL,
    position BIGINT,
    PRIMARY KEY (merchant, mode, link, seq)
);
CREATE UNIQUE INDEX events_position ON events (merchant, mode, position) WHERE position IS NOT NULL;
CREATE INDEX events_unnumbered ON events (merchant, mode) WHERE position IS NULL;

CREATE TABLE idempotency (
    merchant TEXT NOT NULL, mode TEXT NOT NULL, credential TEXT NOT NULL, dialect TEXT NOT NULL, key TEXT NOT NULL,
    fingerprint TEXT NOT NULL, link TEXT NOT NULL, seq BIGINT NOT NULL, ref TEXT NOT NULL, created_at BIGINT NOT NULL,
    PRIMARY KEY (merchant, mode, credential, dialect, key)
);
CREATE INDEX idempotency_old ON idempotency (created_at);

CREATE TABLE webhook_endpoints (
    merchant TEXT NOT NULL, mode TEXT NOT NULL, id TEXT NOT NULL,
    dialect TEXT NOT NULL, url TEXT NOT NULL, kinds TEXT NOT NULL, link TEXT NOT NULL,
    enabled BIGINT NOT NULL, sealed BYTEA NOT NULL, fail_since BIGINT NOT NULL, failures BIGINT NOT NULL,
    created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
    PRIMARY KEY (merchant, mode, id)
);

CREATE TABLE deliveries (
    merchant TEXT NOT NULL, mode TEXT NOT NULL, endpoint TEXT NOT NULL, link TEXT NOT NULL, seq BIGINT NOT NULL,
    event TEXT NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL,
    due_at BIGINT NOT NULL, lease_until BIGINT NOT NULL, fence BIGINT NOT NULL, tries BIGINT NOT NULL,
    body BYTEA, status BIGINT NOT NULL, problem TEXT NOT NULL,
    first_try BIGINT NOT NULL, last_try BIGINT NOT NULL, created_at BIGINT NOT NULL,
    PRIMARY KEY (merchant, mode, endpoint, link, seq)
);
CREATE INDEX deliveries_due ON deliveries (due_at) WHERE state = 'pending';
CREATE INDEX deliveries_newest ON deliveries (merchant, mode, created_at, event, endpoint);

CREATE TABLE callbacks (
    merchant TEXT NOT NULL, mode TEXT NOT NULL, processor TEXT NOT NULL, event TEXT NOT NULL,
    operation TEXT NOT NULL, evidence TEXT NOT NULL, received_at BIGINT NOT NULL, done_at BIGINT NOT NULL,
    PRIMARY KEY (merchant, mode, processor, event)
);
CREATE INDEX callbacks_waiting ON callbacks (received_at) WHERE done_at = 0;

-- One holder at a time, by the database's time: the feed's sequencer.
CREATE TABLE leases (
    merchant TEXT NOT NULL, mode TEXT NOT NULL, name TEXT NOT NULL,
    holder TEXT NOT NULL, until BIGINT NOT NULL,
    PRIMARY KEY (merchant, mode, name)
);

-- The sandbox processor's own memory, apart from the books above.
CREATE TABLE sandbox_payments (
    merchant TEXT NOT NULL, mode TEXT NOT NULL, ref TEXT NOT NULL,
    due_at BIGINT, body TEXT NOT NULL,
    PRIMARY KEY (merchant, mode, ref)
);
CREATE INDEX sandbox_due ON sandbox_payments (due_at) WHERE due_at IS NOT NULL;
CREATE TABLE sandbox_journal (
    merchant TEXT NOT NULL, mode TEXT NOT NULL, key TEXT NOT NULL,
    ref TEXT NOT NULL, at BIGINT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (merchant, mode, key)
);
