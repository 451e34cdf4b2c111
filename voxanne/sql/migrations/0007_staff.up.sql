-- The front desk: who works at a clinic, how they sign in, and who saw and changed what.

-- A person may work at several clinics, so these three belong to none: reference tables, small.
CREATE TABLE staff_accounts (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  email text NOT NULL UNIQUE CHECK (email = lower(email) AND length(email) BETWEEN 3 AND 254),
  name text NOT NULL DEFAULT '' CHECK (length(name) <= 120),
  password_hash text CHECK (length(password_hash) <= 500),   -- argon2id; NULL: by link alone
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE sessions (
  token_hash bytea PRIMARY KEY,         -- SHA-256 of what the cookie holds
  id uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
  staff_id uuid NOT NULL REFERENCES staff_accounts (id),
  device text NOT NULL DEFAULT '' CHECK (length(device) <= 200),   -- to tell one's sessions apart
  created_at timestamptz NOT NULL DEFAULT now(),
  last_seen_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL
);
CREATE INDEX sessions_of_staff ON sessions (staff_id);
CREATE TABLE sign_in_links (
  token_hash bytea PRIMARY KEY,
  staff_id uuid NOT NULL REFERENCES staff_accounts (id),
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL       -- it works once: the row goes with its use
);
CREATE INDEX sign_in_links_of_staff ON sign_in_links (staff_id);
-- How often was tried: by the hash of an e-mail address or of a network address, per window.
CREATE TABLE sign_in_attempts (
  subject_hash bytea NOT NULL,
  window_at timestamptz NOT NULL,
  attempts integer NOT NULL DEFAULT 1,
  PRIMARY KEY (subject_hash, window_at)
);

CREATE TABLE memberships (
  org_id uuid NOT NULL REFERENCES organizations (id),
  staff_id uuid NOT NULL REFERENCES staff_accounts (id),
  role text NOT NULL CHECK (role IN ('owner', 'staff', 'read_only')),
  invitation_hash bytea,                -- until it is accepted, of what it is accepted with; NULL: a member
  last_seen_at timestamptz,             -- at this clinic, within five minutes
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, staff_id)
);
CREATE INDEX memberships_of_staff ON memberships (staff_id);

-- Append-only. Ids and what was done, never a patient's details.
CREATE TABLE audit_log (
  org_id uuid NOT NULL REFERENCES organizations (id),
  id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
  staff_id uuid,                        -- no foreign key: the log outlives the account; NULL: not a person
  actor text NOT NULL CHECK (length(actor) BETWEEN 1 AND 254),     -- e-mail address, or 'command line'
  action text NOT NULL CHECK (length(action) BETWEEN 1 AND 60),    -- lead_viewed, appointment_moved
  subject_kind text CHECK (length(subject_kind) BETWEEN 1 AND 30), -- lead, appointment, call
  subject_id text CHECK (length(subject_id) BETWEEN 1 AND 200),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id)
);
CREATE INDEX audit_log_of_subject ON audit_log (org_id, subject_kind, subject_id, id);

DO $$
DECLARE
  v_table text;
BEGIN
  FOREACH v_table IN ARRAY ARRAY['staff_accounts', 'sessions', 'sign_in_links', 'sign_in_attempts', 'memberships', 'audit_log']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', v_table);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', v_table);
    EXECUTE format('CREATE POLICY owner_works ON %I TO %I USING (true) WITH CHECK (true)', v_table, current_user);
  END LOOP;
END $$;
