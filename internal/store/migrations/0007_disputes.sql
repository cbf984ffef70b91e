-- +goose Up

-- What payers' banks took back. The facts stand in the payment too; here they
-- are found, and a processor's dispute belongs to one attempt, for ever (P5).
CREATE TABLE disputes (
    merchant TEXT NOT NULL, mode TEXT NOT NULL, id TEXT NOT NULL,
    link TEXT NOT NULL, payment TEXT NOT NULL, attempt TEXT NOT NULL, state TEXT NOT NULL,
    processor TEXT NOT NULL, processor_ref TEXT NOT NULL, currency TEXT NOT NULL, amount BIGINT NOT NULL,
    created_at BIGINT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (merchant, mode, id),
    FOREIGN KEY (merchant, mode, attempt) REFERENCES attempts (merchant, mode, id),
    CHECK (state IN ('open', 'won', 'lost', 'accepted')),
    CHECK (amount > 0 AND amount <= 999999999999)
);
CREATE UNIQUE INDEX disputes_processor_ref ON disputes (merchant, mode, processor, processor_ref);
CREATE INDEX disputes_newest ON disputes (merchant, mode, created_at, id);
CREATE INDEX disputes_payment ON disputes (merchant, mode, payment);

-- What is away by disputes and was not won back; beside it M4 holds as it was.
ALTER TABLE attempts ADD COLUMN disputed BIGINT NOT NULL DEFAULT 0 CHECK (disputed >= 0 AND disputed <= captured);

-- Evidence that came before what it is about is looked at again.
ALTER TABLE callbacks ADD COLUMN due_at BIGINT NOT NULL DEFAULT 0;
DROP INDEX callbacks_waiting;
CREATE INDEX callbacks_waiting ON callbacks (due_at, received_at) WHERE done_at = 0;
