-- How long what patients said is kept, and the receipts of who was erased.

ALTER TABLE organizations
  -- Transcripts, summaries, recording links and the platform's raw messages; the call's row stays.
  ADD COLUMN call_retention_days integer NOT NULL DEFAULT 365 CHECK (call_retention_days BETWEEN 1 AND 3660),
  ADD COLUMN text_retention_days integer NOT NULL DEFAULT 730 CHECK (text_retention_days BETWEEN 1 AND 3660),
  -- People with no appointment, call or text for so long are erased. NULL: never.
  ADD COLUMN person_retention_days integer CHECK (person_retention_days BETWEEN 30 AND 36600);

-- What was said in a call is gone, by erasure or by age, and isn't taken in again.
ALTER TABLE calls ADD COLUMN stripped_at timestamptz;
-- The sweeps find what is due by them, however much is kept.
CREATE INDEX calls_to_strip ON calls (org_id, started_at) WHERE stripped_at IS NULL;
CREATE INDEX voice_messages_in_time ON voice_messages (org_id, received_at);

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
