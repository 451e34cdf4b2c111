-- The history of a lead: notes, people who are one person, and how likely somebody is to come.

-- One person under two names or numbers: nothing moves, so that it can be undone exactly, and each
-- number still reaches only what was booked from it.
ALTER TABLE leads ADD COLUMN merged_into uuid;
ALTER TABLE leads ADD FOREIGN KEY (org_id, merged_into) REFERENCES leads (org_id, id);
ALTER TABLE leads ADD CHECK (merged_into <> id);
CREATE INDEX leads_merged ON leads (org_id, merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX leads_in_time ON leads (org_id, created_at, id);
CREATE INDEX leads_by_name ON leads (org_id, person, id);

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
  -- {appointment: the name it was booked under}. It goes with the change, when one of the two is erased.
  names jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(names) = 'object'),
  made_lead boolean NOT NULL DEFAULT false,   -- the split made other_id, and its undoing may take it away
  staff_id uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  undone_at timestamptz,
  PRIMARY KEY (org_id, id)
);
CREATE INDEX lead_changes_of_lead ON lead_changes (org_id, lead_id, created_at);
CREATE INDEX lead_changes_of_other ON lead_changes (org_id, other_id, created_at);
-- Whom somebody is merged into, through how many others ever, is read from these.
CREATE UNIQUE INDEX lead_changes_merged_once ON lead_changes (org_id, other_id)
  WHERE kind = 'merge' AND undone_at IS NULL;

-- For a lead's timeline. Neither costs a booking anything: what it writes isn't in them.
CREATE INDEX events_of_lead ON events (org_id, lead_id, created_at) WHERE kind = 'lead_changed';
CREATE INDEX messages_of_number ON messages (org_id, coalesce(caller_phone, callback_phone), created_at);

-- For scores: the event of a consent holds its moment, and no number.
CREATE INDEX consents_in_time ON consents (org_id, created_at);

CREATE TABLE lead_scores (
  org_id uuid NOT NULL REFERENCES organizations (id),
  lead_id uuid NOT NULL,
  score smallint NOT NULL CHECK (score BETWEEN 0 AND 100),
  tier text NOT NULL CHECK (tier IN ('hot', 'warm', 'cold')),
  reasons jsonb NOT NULL CHECK (jsonb_typeof(reasons) = 'array'),   -- [{"reason", "params", "points"}]
  scored_at timestamptz NOT NULL,
  due_at timestamptz,                   -- when time alone changes it: a visit is past, an urgency forgotten
  PRIMARY KEY (org_id, lead_id),
  FOREIGN KEY (org_id, lead_id) REFERENCES leads (org_id, id)
);
CREATE INDEX lead_scores_by_score ON lead_scores (org_id, score, lead_id);
CREATE INDEX lead_scores_due ON lead_scores (org_id, due_at) WHERE due_at IS NOT NULL;

ALTER TABLE organizations
  ADD COLUMN score_weights jsonb CHECK (jsonb_typeof(score_weights) = 'object'),   -- NULL: the built-in ones
  ADD COLUMN score_weights_version integer NOT NULL DEFAULT 1,
  -- How far the event log was read for scores, as the log is ordered.
  ADD COLUMN scored_transaction xid8 NOT NULL DEFAULT pg_snapshot_xmin(pg_current_snapshot()),
  ADD COLUMN scored_event bigint NOT NULL DEFAULT 0,
  -- While everybody is scored anew, by id: the last one who was. NULL: nobody need be.
  ADD COLUMN rescored_lead uuid;
UPDATE organizations SET rescored_lead = '00000000-0000-0000-0000-000000000000';

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
