-- +goose Up

-- Whom the link's dialect calls its owner: a terminal, a sub-merchant.
ALTER TABLE links ADD COLUMN account TEXT NOT NULL DEFAULT '';

-- A name that only one may have, in the whole installation: a slug, a wire id.
ALTER TABLE locators ADD COLUMN sole BIGINT NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX locators_sole ON locators (kind, hash) WHERE sole = 1;

-- What an endpoint's owner calls it.
ALTER TABLE webhook_endpoints ADD COLUMN label TEXT NOT NULL DEFAULT '';

-- A wish to send a link to people; never changed.
CREATE TABLE shares (
    merchant TEXT NOT NULL, mode TEXT NOT NULL, id TEXT NOT NULL,
    link TEXT NOT NULL, cause TEXT NOT NULL, at BIGINT NOT NULL, sealed BYTEA NOT NULL,
    PRIMARY KEY (merchant, mode, id),
    FOREIGN KEY (merchant, mode, link) REFERENCES links (merchant, mode, id)
);
CREATE INDEX shares_of_link ON shares (merchant, mode, link, at, id);

-- One message to one recipient by one channel; name and address are found by
-- their keyed hashes.
CREATE TABLE messages (
    merchant TEXT NOT NULL, mode TEXT NOT NULL, share TEXT NOT NULL, number BIGINT NOT NULL,
    link TEXT NOT NULL, channel TEXT NOT NULL, state TEXT NOT NULL, due_at BIGINT NOT NULL,
    name_index TEXT NOT NULL, address_index TEXT NOT NULL, sealed BYTEA NOT NULL, created_at BIGINT NOT NULL,
    PRIMARY KEY (merchant, mode, share, number),
    FOREIGN KEY (merchant, mode, share) REFERENCES shares (merchant, mode, id)
);
CREATE INDEX messages_of_link ON messages (merchant, mode, link);
