-- +goose Up

-- Attempts that wait for a person are few among many.
CREATE INDEX attempts_review ON attempts (merchant, mode, id) WHERE state = 'review';
