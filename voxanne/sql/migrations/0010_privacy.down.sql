-- Back to no retention. What was erased stays erased; the receipts are lost: dump erasures before.
DROP TABLE erasures;
ALTER TABLE organizations
  DROP COLUMN call_retention_days, DROP COLUMN text_retention_days, DROP COLUMN person_retention_days;
