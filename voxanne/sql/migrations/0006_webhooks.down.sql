-- Back to no webhooks. The event log stays.
DROP TABLE webhook_messages, webhooks;
