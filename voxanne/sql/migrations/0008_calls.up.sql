-- Calls, as the voice platform reports them, and whether what was promised in them is in the diary.

CREATE TABLE calls (
  org_id uuid NOT NULL REFERENCES organizations (id),
  call_id text NOT NULL CHECK (length(call_id) BETWEEN 1 AND 200),   -- the platform's
  lead_id uuid,                         -- whom it was with, where one is known
  caller_phone text CHECK (length(caller_phone) <= 50),
  our_number text CHECK (length(our_number) <= 50),
  source text NOT NULL DEFAULT 'inbound' CHECK (source IN ('inbound', 'outbound', 'web', 'chat')),
  language text CHECK (language ~ '^[a-z]{2}$'),
  status text NOT NULL DEFAULT 'in-progress' CHECK (length(status) <= 30),
  started_at timestamptz NOT NULL,      -- when it was first heard of, where the platform doesn't say
  ended_at timestamptz,
  end_reason text CHECK (length(end_reason) <= 100),                 -- the platform's code
  transcript text CHECK (length(transcript) <= 200000),
  transcript_cut boolean NOT NULL DEFAULT false,                     -- there was more of it
  summary text CHECK (length(summary) <= 5000),
  recording_url text CHECK (length(recording_url) <= 2000),
  cost_usd numeric(12, 6),
  latency_ms integer,                   -- of a turn, on average, as the platform measured it
  sentiment text CHECK (sentiment IN ('positive', 'neutral', 'negative')),
  urgency text CHECK (urgency IN ('low', 'normal', 'high', 'emergency')),
  tools jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(tools) = 'array'),
  -- [{"tool", "outcome", "duration_ms", "at"}]; of the structured data only what the check needs:
  structured jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(structured) = 'object'),
  reported_at timestamptz,              -- when its end-of-call report came
  promise text NOT NULL DEFAULT 'unchecked'
    CHECK (promise IN ('unchecked', 'none', 'kept', 'mismatch', 'unclear')),
  promise_findings jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(promise_findings) = 'array'),
  promise_due_at timestamptz,           -- when to check it; while a worker does, when another may
  promise_checked_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, call_id),
  FOREIGN KEY (org_id, lead_id) REFERENCES leads (org_id, id)
);
CREATE INDEX calls_in_time ON calls (org_id, started_at, call_id);
CREATE INDEX calls_of_lead ON calls (org_id, lead_id, started_at) WHERE lead_id IS NOT NULL;
CREATE INDEX calls_of_caller ON calls (org_id, caller_phone, started_at) WHERE caller_phone IS NOT NULL;
CREATE INDEX calls_without_lead ON calls (org_id, caller_phone) WHERE lead_id IS NULL AND caller_phone IS NOT NULL;
CREATE INDEX calls_mismatched ON calls (org_id, started_at, call_id) WHERE promise = 'mismatch';
CREATE INDEX calls_to_check ON calls (org_id, promise_due_at) WHERE promise_due_at IS NOT NULL;
CREATE INDEX appointments_of_call ON appointments (org_id, call_id) WHERE call_id IS NOT NULL;
-- What a call changed; that it booked, the appointment tells.
CREATE INDEX events_of_call ON events (org_id, call_id) WHERE call_id IS NOT NULL AND kind <> 'booked';

DO $$
BEGIN
  ALTER TABLE calls ENABLE ROW LEVEL SECURITY;
  ALTER TABLE calls FORCE ROW LEVEL SECURITY;
  EXECUTE format('CREATE POLICY owner_works ON calls TO %I USING (true) WITH CHECK (true)', current_user);
  EXECUTE $policy$CREATE POLICY tenant_reads ON calls FOR SELECT USING (
    org_id = (nullif(current_setting('request.jwt.claims', true), '')::json ->> 'org_id')::uuid)$policy$;
  GRANT SELECT ON calls TO voxanne_api;
END $$;
