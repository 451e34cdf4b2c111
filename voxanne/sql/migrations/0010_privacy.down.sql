-- Back to no retention. What was erased stays erased; the receipts are lost: dump erasures before. Who
-- was erased and had opted out can't be told from anybody else any more.
DELETE FROM consents WHERE phone LIKE 'erased:%';
DROP TABLE erasures, suppression_keys;
DROP INDEX calls_to_strip, voice_messages_in_time, appointments_of_nobody, appointments_of_contact,
  messages_of_caller, messages_of_callback, messages_of_call;
ALTER TABLE voice_messages DROP COLUMN unrecorded;
ALTER TABLE calls DROP COLUMN stripped_at;
ALTER TABLE organizations
  DROP COLUMN call_retention_days, DROP COLUMN text_retention_days, DROP COLUMN person_retention_days,
  DROP COLUMN idle_seen_at, DROP COLUMN idle_seen_lead;
