-- +goose Up

-- The feed numbers what waits in the order of time, a thousand at a time: it
-- must find those without sorting all that wait.
DROP INDEX events_unnumbered;
CREATE INDEX events_unnumbered ON events (merchant, mode, at, link, seq) WHERE position IS NULL;
