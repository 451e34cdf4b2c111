-- The core: tenants, diary, people, event log, deliveries, and who may speak for a tenant.
--
-- Rules every table keeps (docs/decisions/0003): org_id first in every key, index and constraint;
-- composite foreign keys; row-level security enabled and forced; writes only through functions.

CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA public;

-- The API's role owns nothing. Roles belong to the whole server: another database may have made it.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'voxanne_api') THEN
    BEGIN
      CREATE ROLE voxanne_api NOLOGIN NOINHERIT;
    EXCEPTION
      -- Another database of the server was migrated at the same moment.
      WHEN duplicate_object OR unique_violation THEN NULL;
    END;
  END IF;
  EXECUTE format('GRANT voxanne_api TO %I', current_user);
END $$;

-- Names are letters beyond ASCII too, whatever locale the database was made with.
DO $$
BEGIN
  IF current_setting('server_version_num')::integer >= 170000 THEN
    CREATE COLLATION unicode_text (provider = builtin, locale = 'C.UTF-8');
  ELSE
    BEGIN
      CREATE COLLATION unicode_text (provider = libc, locale = 'C.UTF-8');
    EXCEPTION
      WHEN OTHERS THEN   -- a system without that locale
        CREATE COLLATION unicode_text (provider = icu, locale = 'und');
    END;
  END IF;
END $$;

-- The clock every session reads through current_moment(). No row: the real time.
CREATE TABLE clock (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  clock_offset interval NOT NULL
);

CREATE TABLE organizations (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  -- The conversion fails for a zone that doesn't exist, and so does the row.
  timezone text NOT NULL DEFAULT 'Europe/London'
    CHECK ((timestamptz '2000-01-01 00:00:00Z' AT TIME ZONE timezone) IS NOT NULL),
  country text CHECK (country ~ '^[A-Z]{2}$'),
  horizon_days integer NOT NULL DEFAULT 365 CHECK (horizon_days BETWEEN 1 AND 3660),
  notice_minutes integer NOT NULL DEFAULT 0 CHECK (notice_minutes BETWEEN 0 AND 527040),
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE practitioners (
  org_id uuid NOT NULL REFERENCES organizations (id),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  active boolean NOT NULL DEFAULT true,
  -- Stands for the clinic itself (id = org_id) as long as it has no practitioner of its own.
  implicit boolean NOT NULL DEFAULT false CHECK (implicit = (id = org_id)),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id)
);

CREATE TABLE rooms (
  org_id uuid NOT NULL REFERENCES organizations (id),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  active boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id)
);

CREATE TABLE services (
  org_id uuid NOT NULL REFERENCES organizations (id),
  key text NOT NULL CHECK (key = lower(key) AND length(key) BETWEEN 1 AND 100),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  duration_minutes integer NOT NULL CHECK (duration_minutes BETWEEN 1 AND 1440),
  active boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, key)
);

-- Weekly hours in the clinic's wall time. No row for a clinic: open at all times.
CREATE TABLE opening_hours (
  org_id uuid NOT NULL REFERENCES organizations (id),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  practitioner_id uuid,                 -- NULL: the clinic's own hours
  weekday smallint NOT NULL CHECK (weekday BETWEEN 1 AND 7),   -- ISO: Monday is 1
  opens time NOT NULL,
  closes time NOT NULL,
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, practitioner_id) REFERENCES practitioners (org_id, id),
  CHECK (opens < closes)
);

-- A person known by a phone number. The phone finds the household, `person` the one in it.
CREATE TABLE leads (
  -- No foreign key: each new caller's would lock the organization's row against all the others.
  org_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  name text NOT NULL,
  person text NOT NULL,                 -- person_key(name)
  phone text NOT NULL,                  -- E.164
  phone_verified boolean NOT NULL DEFAULT false,   -- false: possible, but in no assigned range
  email text,
  status text NOT NULL DEFAULT 'pending',
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id),
  UNIQUE (org_id, phone, person)
);

CREATE TABLE appointments (
  org_id uuid NOT NULL,                 -- its practitioner's, and so an organization's
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  contact_id uuid,                      -- a booking survives the loss of its lead
  practitioner_id uuid NOT NULL,
  room_id uuid,
  service_type text NOT NULL,
  scheduled_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  -- What the booking keeps others out of: the appointment and its buffers. NULL: no buffer.
  blocked_from timestamptz,
  blocked_until timestamptz,
  blocked tstzrange NOT NULL GENERATED ALWAYS AS (
    tstzrange(coalesce(blocked_from, scheduled_at), coalesce(blocked_until, ends_at))) STORED,
  status text NOT NULL DEFAULT 'confirmed'
    CHECK (status IN ('held', 'confirmed', 'cancelled', 'expired', 'completed', 'no_show')),
  hold_expires_at timestamptz,
  -- Staff overbooked on purpose: outside the constraints, inside every check under the lock.
  overlap_allowed boolean NOT NULL DEFAULT false,
  version integer NOT NULL DEFAULT 1,
  source text NOT NULL DEFAULT 'sql',
  call_id text,
  idempotency_key text,
  request_hash text,
  metadata jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, contact_id) REFERENCES leads (org_id, id),
  FOREIGN KEY (org_id, practitioner_id) REFERENCES practitioners (org_id, id),
  FOREIGN KEY (org_id, room_id) REFERENCES rooms (org_id, id),
  -- Empty ranges never conflict, so there must be none.
  CHECK (scheduled_at < ends_at AND blocked_from <= scheduled_at AND blocked_until >= ends_at),
  CHECK ((status = 'held') <= (hold_expires_at IS NOT NULL)),
  -- The guarantee. It needs no function, no lock and no good will.
  CONSTRAINT one_appointment_per_practitioner EXCLUDE USING gist
    (org_id WITH =, practitioner_id WITH =, blocked WITH &&)
    WHERE (status IN ('held', 'confirmed') AND NOT overlap_allowed),
  CONSTRAINT one_appointment_per_room EXCLUDE USING gist
    (org_id WITH =, room_id WITH =, blocked WITH &&)
    WHERE (room_id IS NOT NULL AND status IN ('held', 'confirmed') AND NOT overlap_allowed)
);
CREATE INDEX appointments_of_lead ON appointments (org_id, contact_id, scheduled_at);
CREATE UNIQUE INDEX appointments_idempotency ON appointments (org_id, idempotency_key)
  WHERE idempotency_key IS NOT NULL;
CREATE INDEX appointments_overbooked ON appointments (org_id, practitioner_id)
  WHERE overlap_allowed AND status IN ('held', 'confirmed');

-- Append-only: audit, timeline, live view. Ids, never a patient's details.
-- Ids are taken before commit, so a cursor is (transaction_id, id), read below pg_snapshot_xmin.
CREATE TABLE events (
  org_id uuid NOT NULL,                 -- no foreign keys: the log outlives what it tells of
  transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id(),
  id bigint NOT NULL GENERATED BY DEFAULT AS IDENTITY,
  kind text NOT NULL,
  appointment_id uuid,
  lead_id uuid,
  call_id text,
  data jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, transaction_id, id)
);

-- What must now happen, when, once: a calendar entry, a message. The worker carries it out.
CREATE TABLE deliveries (
  org_id uuid NOT NULL,
  appointment_id uuid NOT NULL,
  kind text NOT NULL,                   -- calendar, sms_confirmation, email_confirmation
  version integer NOT NULL,             -- of the appointment
  status text NOT NULL DEFAULT 'queued',   -- queued, sending, delivered, failed, voided
  due_at timestamptz NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now(),
  -- No foreign key: a row is written in its appointment's own statement, appointments are never
  -- deleted, and the check would be made once per row on the hottest path.
  PRIMARY KEY (org_id, appointment_id, kind, version)
);

-- Messages of a voice platform that call no tool, raw but for secrets: the newest per call and type.
CREATE TABLE voice_messages (
  org_id uuid NOT NULL REFERENCES organizations (id),
  call_id text NOT NULL CHECK (length(call_id) BETWEEN 1 AND 200),
  type text NOT NULL CHECK (length(type) BETWEEN 1 AND 100),
  payload jsonb NOT NULL,
  sent_at timestamptz,                  -- by the platform's clock
  received_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, call_id, type)
);

-- Reference tables (small, unique across tenants): who may speak for an organization.
CREATE TABLE credentials (
  secret_hash bytea PRIMARY KEY,        -- SHA-256 of a long random secret; the secret isn't kept
  kind text NOT NULL CHECK (kind IN ('api_key', 'vapi_secret')),
  org_id uuid NOT NULL REFERENCES organizations (id),
  scope text NOT NULL CHECK (scope IN ('agent', 'staff', 'admin', 'read_only')),
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE voice_lines (
  kind text NOT NULL CHECK (kind IN ('phone_number_id', 'number', 'assistant_id')),
  value text NOT NULL CHECK (length(value) BETWEEN 1 AND 200),
  org_id uuid NOT NULL REFERENCES organizations (id),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (kind, value)
);
CREATE TABLE hmac_keys (
  org_id uuid PRIMARY KEY REFERENCES organizations (id),
  encrypted_key bytea NOT NULL,         -- by the deployment's VOXANNE_ENCRYPTION_KEYS
  scheme jsonb NOT NULL,                -- algorithm, headers, encoding, prefix
  created_at timestamptz NOT NULL DEFAULT now()
);

-- Walls. The owner's policy is for the functions it owns, each of which takes the tenant from
-- p_org_id; everyone else reads the tenant of the claim and writes nothing.
DO $$
DECLARE
  v_table text;
  v_column text;
  v_claim constant text :=
    $claim$(nullif(current_setting('request.jwt.claims', true), '')::json ->> 'org_id')::uuid$claim$;
BEGIN
  FOR v_table, v_column IN VALUES
    ('organizations', 'id'), ('practitioners', 'org_id'), ('rooms', 'org_id'),
    ('services', 'org_id'), ('opening_hours', 'org_id'), ('leads', 'org_id'),
    ('appointments', 'org_id'), ('events', 'org_id'), ('deliveries', 'org_id'),
    ('voice_messages', 'org_id'), ('credentials', 'org_id'), ('voice_lines', 'org_id'),
    ('hmac_keys', 'org_id')
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', v_table);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', v_table);
    EXECUTE format('CREATE POLICY owner_works ON %I TO %I USING (true) WITH CHECK (true)',
                   v_table, current_user);
    IF v_table NOT IN ('credentials', 'hmac_keys') THEN
      EXECUTE format('CREATE POLICY tenant_reads ON %I FOR SELECT USING (%I = %s)',
                     v_table, v_column, v_claim);
      EXECUTE format('GRANT SELECT ON %I TO voxanne_api', v_table);
    END IF;
  END LOOP;
END $$;
GRANT USAGE ON SCHEMA public TO voxanne_api;
GRANT SELECT ON clock TO voxanne_api;
