-- The history of a lead: notes, people who are one person, and how likely somebody is to come.

-- One person under two names or numbers: nothing moves, so that it can be undone exactly, and each
-- number still reaches only what was booked from it.
ALTER TABLE leads ADD COLUMN merged_into uuid;
ALTER TABLE leads ADD FOREIGN KEY (org_id, merged_into) REFERENCES leads (org_id, id);
ALTER TABLE leads ADD CHECK (merged_into <> id);
CREATE INDEX leads_merged ON leads (org_id, merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX leads_in_time ON leads (org_id, created_at, id);

CREATE TABLE notes (
  org_id uuid NOT NULL REFERENCES organizations (id),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  lead_id uuid NOT NULL,
  body text NOT NULL CHECK (length(body) BETWEEN 1 AND 5000),
  staff_id uuid,
  author text NOT NULL CHECK (length(author) BETWEEN 1 AND 254),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, lead_id) REFERENCES leads (org_id, id)
);
CREATE INDEX notes_of_lead ON notes (org_id, lead_id, created_at);

-- Merges and splits, each of which can be undone.
CREATE TABLE lead_changes (
  org_id uuid NOT NULL REFERENCES organizations (id),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  kind text NOT NULL CHECK (kind IN ('merge', 'split')),
  lead_id uuid NOT NULL,                -- who stays
  other_id uuid NOT NULL,               -- who was merged into it, or came out of it
  appointments uuid[] NOT NULL DEFAULT '{}' CHECK (cardinality(appointments) <= 1000),   -- of a split: what moved
  staff_id uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  undone_at timestamptz,
  PRIMARY KEY (org_id, id)
);
CREATE INDEX lead_changes_of_lead ON lead_changes (org_id, lead_id, created_at);

CREATE TABLE lead_scores (
  org_id uuid NOT NULL REFERENCES organizations (id),
  lead_id uuid NOT NULL,
  score smallint NOT NULL CHECK (score BETWEEN 0 AND 100),
  tier text NOT NULL CHECK (tier IN ('hot', 'warm', 'cold')),
  reasons jsonb NOT NULL CHECK (jsonb_typeof(reasons) = 'array'),   -- [{"reason", "points"}]
  scored_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, lead_id),
  FOREIGN KEY (org_id, lead_id) REFERENCES leads (org_id, id)
);
CREATE INDEX lead_scores_by_score ON lead_scores (org_id, score, lead_id);

ALTER TABLE organizations
  ADD COLUMN score_weights jsonb CHECK (jsonb_typeof(score_weights) = 'object'),   -- NULL: the built-in ones
  -- How far the event log was read for scores, as the log is ordered.
  ADD COLUMN scored_transaction xid8 NOT NULL DEFAULT '0',
  ADD COLUMN scored_event bigint NOT NULL DEFAULT 0;

DO $$
DECLARE
  v_table text;
BEGIN
  FOREACH v_table IN ARRAY ARRAY['notes', 'lead_changes', 'lead_scores']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', v_table);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', v_table);
    EXECUTE format('CREATE POLICY owner_works ON %I TO %I USING (true) WITH CHECK (true)', v_table, current_user);
    EXECUTE format(
      $policy$CREATE POLICY tenant_reads ON %I FOR SELECT USING (
        org_id = (nullif(current_setting('request.jwt.claims', true), '')::json ->> 'org_id')::uuid
      )$policy$, v_table);
    EXECUTE format('GRANT SELECT ON %I TO voxanne_api', v_table);
  END LOOP;
END $$;
