-- +goose Up

-- Money that left the settled balance: to the merchant, or with a link and a
-- split to that split's account. Rows are never changed. available is what it
-- could have been at most when it was decided (M10).
CREATE TABLE payouts (
    merchant TEXT NOT NULL, mode TEXT NOT NULL, id TEXT NOT NULL,
    link TEXT NOT NULL, split BIGINT NOT NULL, account TEXT NOT NULL,
    currency TEXT NOT NULL, number BIGINT NOT NULL, amount BIGINT NOT NULL, available BIGINT NOT NULL,
    reference TEXT NOT NULL, actor TEXT NOT NULL, created_at BIGINT NOT NULL,
    PRIMARY KEY (merchant, mode, id),
    CHECK (amount > 0 AND amount <= available AND amount <= 999999999999),
    CHECK (number > 0)
);
-- The second barrier against two that are decided on the same balance.
CREATE UNIQUE INDEX payouts_number ON payouts (merchant, mode, currency, number);
CREATE INDEX payouts_newest ON payouts (merchant, mode, created_at, id);
CREATE INDEX payouts_of_link ON payouts (merchant, mode, link, id);

-- Who pays out takes this row first, so that balances are read and paid out of
-- by one at a time. Nothing else that moves money touches it.
CREATE TABLE purses (
    merchant TEXT NOT NULL, mode TEXT NOT NULL, currency TEXT NOT NULL,
    number BIGINT NOT NULL,
    PRIMARY KEY (merchant, mode, currency)
);

-- What a balance is read from. A capture without splits writes none of it.
CREATE INDEX entries_of_balance ON entries (merchant, mode, currency, link, account, amount)
    WHERE account <> 'merchant' AND account <> 'fees' AND account NOT LIKE 'processor:%';
