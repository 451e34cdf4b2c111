-- Calendars of practitioners: how they are reached, what was put into them, what keeps time there.

CREATE TABLE calendar_connections (
  org_id uuid NOT NULL REFERENCES organizations (id),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  practitioner_id uuid,                 -- NULL: everybody's who has none of their own
  vendor text NOT NULL CHECK (vendor IN ('google', 'caldav')),
  calendar text NOT NULL CHECK (length(calendar) BETWEEN 1 AND 2000),   -- Google's id; a CalDAV collection's address
  account text CHECK (length(account) <= 320),                          -- shown to staff
  credentials bytea,                    -- encrypted JSON; NULL once disconnected
  access_expires_at timestamptz,        -- of the access token inside
  credentials_version integer NOT NULL DEFAULT 1,   -- rises with each change of them
  refresh_leased_until timestamptz,     -- somebody is refreshing them
  status text NOT NULL DEFAULT 'connected' CHECK (status IN ('connected', 'broken', 'disconnected')),
  error_code text CHECK (length(error_code) <= 50),
  error text CHECK (length(error) <= 500),
  sync_token text CHECK (length(sync_token) <= 4000),
  synced_at timestamptz,                -- when the mirror was last complete
  full_synced_at timestamptz,           -- when it was last read from the ground up
  sync_due_at timestamptz NOT NULL DEFAULT now(),
  sync_leased_until timestamptz,        -- somebody is syncing
  sync_round bigint NOT NULL DEFAULT 0, -- fences that lease
  sync_failures integer NOT NULL DEFAULT 0,   -- since the last success
  channel_id uuid,                      -- Google's push channel
  channel_resource text CHECK (length(channel_resource) <= 500),
  channel_token_hash bytea,
  channel_expires_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, practitioner_id) REFERENCES practitioners (org_id, id)
);
-- One live connection each; NULL counts as somebody.
CREATE UNIQUE INDEX calendar_connections_one_each ON calendar_connections
  (org_id, coalesce(practitioner_id, org_id)) WHERE status <> 'disconnected';
CREATE INDEX calendar_connections_due ON calendar_connections (org_id, sync_due_at) WHERE status = 'connected';

-- The event of an appointment in a calendar.
CREATE TABLE calendar_events (
  org_id uuid NOT NULL,
  appointment_id uuid NOT NULL,
  connection_id uuid NOT NULL,
  event_id text NOT NULL CHECK (length(event_id) BETWEEN 1 AND 1100),
  etag text CHECK (length(etag) <= 500),
  version integer NOT NULL,             -- of the appointment that is in the calendar; 0: it may be there
  starts_at timestamptz NOT NULL,       -- as it was verified there
  ends_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, appointment_id, connection_id),
  FOREIGN KEY (org_id, connection_id) REFERENCES calendar_connections (org_id, id)
);
CREATE INDEX calendar_events_by_id ON calendar_events (org_id, connection_id, event_id);

-- Time that a calendar keeps for something that isn't an appointment of ours. No titles.
CREATE TABLE busy_times (
  org_id uuid NOT NULL,
  connection_id uuid NOT NULL,
  event_id text NOT NULL CHECK (length(event_id) BETWEEN 1 AND 1100),
  starts_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, connection_id, event_id, starts_at),
  FOREIGN KEY (org_id, connection_id) REFERENCES calendar_connections (org_id, id),
  CHECK (starts_at < ends_at)
);
CREATE INDEX busy_times_in_time ON busy_times USING gist (org_id, connection_id, tstzrange(starts_at, ends_at));

-- Somebody is on their way through Google's consent page.
CREATE TABLE oauth_states (
  org_id uuid NOT NULL,
  state_hash bytea NOT NULL,
  practitioner_id uuid,
  calendar text NOT NULL CHECK (length(calendar) BETWEEN 1 AND 2000),
  encrypted_verifier bytea NOT NULL,    -- PKCE
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, state_hash)
);
CREATE UNIQUE INDEX oauth_states_hash ON oauth_states (state_hash);

-- A practitioner's read-only feed.
CREATE TABLE calendar_feeds (
  org_id uuid NOT NULL REFERENCES organizations (id),
  practitioner_id uuid NOT NULL,
  token_hash bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, practitioner_id),
  FOREIGN KEY (org_id, practitioner_id) REFERENCES practitioners (org_id, id)
);
CREATE UNIQUE INDEX calendar_feeds_token ON calendar_feeds (token_hash);

DO $$
DECLARE
  v_table text;
BEGIN
  FOREACH v_table IN ARRAY ARRAY['calendar_connections', 'calendar_events', 'busy_times', 'oauth_states', 'calendar_feeds']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', v_table);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', v_table);
    EXECUTE format('CREATE POLICY owner_works ON %I TO %I USING (true) WITH CHECK (true)', v_table, current_user);
    IF v_table IN ('calendar_events', 'busy_times') THEN
      EXECUTE format(
        $policy$CREATE POLICY tenant_reads ON %I FOR SELECT USING (
          org_id = (nullif(current_setting('request.jwt.claims', true), '')::json ->> 'org_id')::uuid
        )$policy$, v_table);
      EXECUTE format('GRANT SELECT ON %I TO voxanne_api', v_table);
    END IF;
  END LOOP;
END $$;
