-- Answers of repeated requests are kept for idempotency_retention(); the sweep finds what is due by this, however
-- much is kept.
CREATE INDEX idempotency_keys_in_time ON idempotency_keys (org_id, created_at);
