-- Text messages: whose account sends them, what was sent and received, who wants none.

CREATE TABLE sms_accounts (
  org_id uuid NOT NULL REFERENCES organizations (id),
  vendor text NOT NULL DEFAULT 'twilio' CHECK (vendor IN ('twilio')),
  account_sid text NOT NULL CHECK (length(account_sid) BETWEEN 1 AND 100),
  encrypted_token bytea NOT NULL,
  number text NOT NULL CHECK (number ~ '^\+[1-9][0-9]{6,14}$'),   -- ours: it sends and receives
  version integer NOT NULL DEFAULT 1,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id)
);

-- A clinic's own words; of a kind and language without a row, the built-in ones.
CREATE TABLE message_templates (
  org_id uuid NOT NULL REFERENCES organizations (id),
  kind text NOT NULL CHECK (length(kind) BETWEEN 1 AND 50),
  language text NOT NULL CHECK (language ~ '^[a-z]{2}$'),
  body text NOT NULL CHECK (length(body) BETWEEN 1 AND 1600),
  version integer NOT NULL DEFAULT 1,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, kind, language)
);

-- What was said both ways. Of ours there is one row per delivery, whatever is tried how often.
CREATE TABLE texts (
  org_id uuid NOT NULL REFERENCES organizations (id),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  direction text NOT NULL CHECK (direction IN ('in', 'out')),
  our_number text NOT NULL,
  their_number text NOT NULL,
  body text NOT NULL DEFAULT '' CHECK (length(body) <= 2000),   -- '': not written yet
  external_id text CHECK (length(external_id) <= 100),
  appointment_id uuid,                  -- what it is about, where that is known
  kind text CHECK (length(kind) <= 50), -- the delivery's; NULL of theirs
  version integer,
  answer text CHECK (length(answer) <= 50),   -- of a sms_reply: which of our answers
  -- Of a question that was asked: what the next digit chooses, as {"action", "appointments": [id]}.
  choices jsonb,
  answered_at timestamptz,
  attempt integer,                      -- of the delivery, that last handed it over
  tried_at timestamptz,                 -- when that was
  status text CHECK (length(status) <= 20),   -- the vendor's last word on that attempt
  created_at timestamptz NOT NULL DEFAULT now(),
  place bigint NOT NULL GENERATED ALWAYS AS IDENTITY,   -- orders what happened at one moment
  PRIMARY KEY (org_id, id),
  CHECK (direction = 'out' OR kind IS NULL),
  CHECK (direction = 'in' OR kind IS NOT NULL AND version IS NOT NULL)
);
CREATE UNIQUE INDEX texts_of_vendor ON texts (org_id, external_id) WHERE external_id IS NOT NULL;
CREATE UNIQUE INDEX texts_of_delivery ON texts (org_id, appointment_id, kind, version)
  WHERE direction = 'out' AND kind <> 'sms_reply';
CREATE INDEX texts_in_time ON texts (org_id, created_at, id);
CREATE INDEX texts_of_number ON texts (org_id, their_number, place);

-- Who wants text messages, and who doesn't any more. Append-only; the newest row counts.
CREATE TABLE consents (
  org_id uuid NOT NULL REFERENCES organizations (id),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  phone text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('opt_out', 'opt_in', 'help')),
  word text CHECK (length(word) <= 50),          -- that was texted
  source text NOT NULL CHECK (source IN ('text', 'carrier', 'staff')),
  created_at timestamptz NOT NULL DEFAULT now(),
  place bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
  PRIMARY KEY (org_id, id)
);
CREATE INDEX consents_of_phone ON consents (org_id, phone, place);

DO $$
DECLARE
  v_table text;
BEGIN
  FOREACH v_table IN ARRAY ARRAY['sms_accounts', 'message_templates', 'texts', 'consents']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', v_table);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', v_table);
    EXECUTE format('CREATE POLICY owner_works ON %I TO %I USING (true) WITH CHECK (true)', v_table, current_user);
    IF v_table <> 'sms_accounts' THEN
      EXECUTE format(
        $policy$CREATE POLICY tenant_reads ON %I FOR SELECT USING (
          org_id = (nullif(current_setting('request.jwt.claims', true), '')::json ->> 'org_id')::uuid
        )$policy$, v_table);
      EXECUTE format('GRANT SELECT ON %I TO voxanne_api', v_table);
    END IF;
  END LOOP;
END $$;
