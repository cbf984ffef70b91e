-- +goose Up

-- Work that comes again at its own pace: when it is due, and who does it now.
-- What belongs to the whole installation has the empty merchant.
CREATE TABLE turns (
    merchant TEXT NOT NULL, mode TEXT NOT NULL, name TEXT NOT NULL,
    due_at BIGINT NOT NULL, lease_until BIGINT NOT NULL, fence BIGINT NOT NULL,
    PRIMARY KEY (merchant, mode, name)
);

-- What does not agree: our books with a processor's list, or stored data with
-- the rules. An open one is there once; closed ones are kept.
CREATE TABLE differences (
    merchant TEXT NOT NULL, mode TEXT NOT NULL, id TEXT NOT NULL,
    processor TEXT NOT NULL, reference TEXT NOT NULL, what TEXT NOT NULL, link TEXT NOT NULL,
    ours TEXT NOT NULL, theirs TEXT NOT NULL,
    found_at BIGINT NOT NULL, closed_at BIGINT NOT NULL, closed_by TEXT NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (merchant, mode, id),
    CHECK ((closed_at > 0) = (closed_by <> '') AND (closed_at > 0) = (reason <> ''))
);
CREATE UNIQUE INDEX differences_open ON differences (merchant, mode, processor, reference, what) WHERE closed_at = 0;
CREATE INDEX differences_same ON differences (merchant, mode, processor, reference, what, closed_at);
CREATE INDEX differences_barring ON differences (merchant, mode, link) WHERE closed_at = 0 AND processor = 'verify';

-- What is looked for often is few among many.
CREATE INDEX attempts_unsettled ON attempts (merchant, mode, id) WHERE state IN ('created', 'processing', 'unknown', 'authorized', 'review');
CREATE INDEX operations_unanswered ON operations (created_at) WHERE state IN ('prepared', 'unknown');
CREATE INDEX operations_unreturned ON operations (merchant, mode, id) WHERE kind = 'refund' AND state = 'unknown';
CREATE INDEX entries_surplus ON entries (merchant, mode, link, at, amount) WHERE account = 'surplus';
