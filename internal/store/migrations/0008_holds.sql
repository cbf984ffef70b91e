-- +goose Up

-- Authorizations that still hold money are few among the attempts of a link
-- that is paid many times.
CREATE INDEX attempts_holding ON attempts (merchant, mode, link) WHERE state = 'authorized';
