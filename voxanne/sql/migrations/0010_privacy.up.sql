-- How long what patients said is kept, and the receipts of who was erased.

ALTER TABLE organizations
  -- Transcripts, summaries, recording links and the platform's raw messages; the call's row stays.
  ADD COLUMN call_retention_days integer NOT NULL DEFAULT 365 CHECK (call_retention_days BETWEEN 1 AND 3660),
  ADD COLUMN text_retention_days integer NOT NULL DEFAULT 730 CHECK (text_retention_days BETWEEN 1 AND 3660),
  -- People with no appointment, call or text for so long are erased. NULL: never.
  ADD COLUMN person_retention_days integer CHECK (person_retention_days BETWEEN 30 AND 36600),
  -- How far the leads were looked through for such people, by when they came. NULL: from the beginning.
  ADD COLUMN idle_seen_at timestamptz,
  ADD COLUMN idle_seen_lead uuid;

-- What was said in a call is gone, by erasure or by age, and isn't taken in again.
ALTER TABLE calls ADD COLUMN stripped_at timestamptz;
-- The sweeps find what is due by them, however much is kept.
CREATE INDEX calls_to_strip ON calls (org_id, started_at) WHERE stripped_at IS NULL;
CREATE INDEX voice_messages_in_time ON voice_messages (org_id, received_at);

-- Who is erased or exported is read by these alone, and a clinic's other rows aren't. Bookings that lost their
-- lead, and those with another number to be reached at, are few: an ordinary booking is in neither.
CREATE INDEX appointments_of_nobody ON appointments (org_id, (metadata #>> '{patient,phone}'))
  WHERE contact_id IS NULL AND metadata #>> '{patient,phone}' IS NOT NULL;
CREATE INDEX appointments_of_contact ON appointments (org_id, (metadata #>> '{patient,contact_phone}'))
  WHERE metadata #>> '{patient,contact_phone}' IS NOT NULL;
CREATE INDEX messages_of_caller ON messages (org_id, caller_phone) WHERE caller_phone IS NOT NULL;
CREATE INDEX messages_of_callback ON messages (org_id, callback_phone) WHERE callback_phone IS NOT NULL;
CREATE INDEX messages_of_call ON messages (org_id, call_id) WHERE call_id IS NOT NULL;
-- What was reported without a record of its call, as everything was before 0008.
ALTER TABLE voice_messages ADD COLUMN unrecorded boolean NOT NULL DEFAULT false;
UPDATE voice_messages SET unrecorded = true
WHERE NOT EXISTS (
  SELECT FROM calls WHERE calls.org_id = voice_messages.org_id AND calls.call_id = voice_messages.call_id);
CREATE INDEX voice_messages_unrecorded ON voice_messages (org_id, call_id) WHERE unrecorded;

-- Of an erased number that opted out a hash is kept, by this key (docs/decisions/0022).
CREATE TABLE suppression_keys (
  org_id uuid PRIMARY KEY REFERENCES organizations (id),
  key bytea NOT NULL CHECK (length(key) = 32)
);

-- What was erased, in numbers, without whom: the receipt.
CREATE TABLE erasures (
  org_id uuid NOT NULL REFERENCES organizations (id),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  lead_id uuid NOT NULL,                -- of a row that is no more
  actor text NOT NULL CHECK (length(actor) BETWEEN 1 AND 254),
  counts jsonb NOT NULL CHECK (jsonb_typeof(counts) = 'object'),   -- {"calls": 3, "texts": 5, ...}
  outside jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(outside) = 'object'),   -- what is left to vendors
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id)
);
CREATE INDEX erasures_in_time ON erasures (org_id, created_at, id);

DO $$
BEGIN
  ALTER TABLE erasures ENABLE ROW LEVEL SECURITY;
  ALTER TABLE erasures FORCE ROW LEVEL SECURITY;
  ALTER TABLE suppression_keys ENABLE ROW LEVEL SECURITY;
  ALTER TABLE suppression_keys FORCE ROW LEVEL SECURITY;
  EXECUTE format('CREATE POLICY owner_works ON suppression_keys TO %I USING (true) WITH CHECK (true)', current_user);
  EXECUTE format('CREATE POLICY owner_works ON erasures TO %I USING (true) WITH CHECK (true)', current_user);
  EXECUTE $policy$CREATE POLICY tenant_reads ON erasures FOR SELECT USING (
    org_id = (nullif(current_setting('request.jwt.claims', true), '')::json ->> 'org_id')::uuid)$policy$;
  GRANT SELECT ON erasures TO voxanne_api;
END $$;
