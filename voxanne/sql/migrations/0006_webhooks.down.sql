-- Back to no webhooks: their messages are gone with them. The event log stays.
DELETE FROM deliveries WHERE kind = 'webhook';
DROP TABLE webhook_messages, webhooks;
DROP INDEX alerts_untold, alerts_told;
ALTER TABLE alerts DROP COLUMN told_with, DROP COLUMN told_at;
