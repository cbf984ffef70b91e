-- +goose Up

-- What processors settle, a line for each movement of the ledger and no more
-- (M10). What belongs to no link has an empty one. Amounts are signed.
CREATE TABLE settlements (
    merchant TEXT NOT NULL, mode TEXT NOT NULL, movement TEXT NOT NULL,
    link TEXT NOT NULL, payment TEXT NOT NULL, processor TEXT NOT NULL, state TEXT NOT NULL,
    currency TEXT NOT NULL, amount BIGINT NOT NULL, reference TEXT NOT NULL,
    created_at BIGINT NOT NULL, settled_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
    PRIMARY KEY (merchant, mode, movement),
    CHECK (state IN ('expected', 'settled', 'missing', 'reversed')),
    CHECK ((settled_at > 0) = (state IN ('settled', 'reversed')))
);
CREATE INDEX settlements_of_link ON settlements (merchant, mode, link, payment, movement);
CREATE INDEX settlements_newest ON settlements (merchant, mode, created_at, movement);

-- What moved before this table was there is still to be settled.
INSERT INTO settlements (merchant, mode, movement, link, payment, processor, state, currency, amount, reference, created_at, settled_at, updated_at)
SELECT e.merchant, e.mode, e.movement, e.link, p.id, substr(e.account, 11), 'expected', e.currency, e.amount, '', e.at, 0, e.at
FROM entries e JOIN payments p ON p.merchant = e.merchant AND p.mode = e.mode AND p.link = e.link
    AND p.body LIKE '%"' || substr(e.movement, CASE WHEN e.movement LIKE 'capture:%' THEN 9 ELSE 8 END) || '"%'
WHERE e.account LIKE 'processor:%' AND (e.movement LIKE 'capture:%' OR e.movement LIKE 'refund:%');
