-- Back to no text messages. Who opted out is lost with the ledger: whoever goes back must not send any.
DROP TABLE consents, texts, message_templates, sms_accounts;
