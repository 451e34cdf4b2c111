-- Back to no retention. What was erased stays erased; the receipts are lost: dump erasures before. Who
-- was erased and had opted out can't be told from anybody else any more.
DELETE FROM consents WHERE phone LIKE 'erased:%';
DROP TABLE erasures, suppression_keys;
DROP INDEX calls_to_strip, voice_messages_in_time;
ALTER TABLE calls DROP COLUMN stripped_at;
ALTER TABLE organizations
  DROP COLUMN call_retention_days, DROP COLUMN text_retention_days, DROP COLUMN person_retention_days;
