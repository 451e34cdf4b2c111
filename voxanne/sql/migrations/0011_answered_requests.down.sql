-- Back to answers that are kept for good. What was swept stays swept.
DROP INDEX idempotency_keys_in_time;
