-- A real clinic's diary: who gives what and where, buffers, breaks, exceptions, absences, rules for
-- callers, the list of those who wait, and what callers leave behind for the front desk.

ALTER TABLE organizations
  ADD COLUMN slot_minutes integer NOT NULL DEFAULT 15 CHECK (slot_minutes BETWEEN 5 AND 1440),
  ADD COLUMN hold_seconds integer NOT NULL DEFAULT 300 CHECK (hold_seconds BETWEEN 10 AND 3600),
  ADD COLUMN offer_minutes integer NOT NULL DEFAULT 30 CHECK (offer_minutes BETWEEN 1 AND 1440),
  ADD COLUMN upcoming_per_caller_max integer NOT NULL DEFAULT 20
    CHECK (upcoming_per_caller_max BETWEEN 1 AND 1000),
  ADD COLUMN caller_check text NOT NULL DEFAULT 'none'
    CHECK (caller_check IN ('none', 'name', 'name_and_birth_date')),
  ADD COLUMN language text NOT NULL DEFAULT 'en' CHECK (language ~ '^[a-z]{2}$'),
  ADD COLUMN address text CHECK (length(address) BETWEEN 1 AND 500),
  ADD COLUMN transfer_number text CHECK (transfer_number ~ '^\+[1-9][0-9]{6,14}$'),
  ADD COLUMN red_flags text[] CHECK (cardinality(red_flags) <= 200),   -- NULL: the default list
  -- Public holidays that are closed: 'GB', 'GB-ENG'. NULL: none are.
  ADD COLUMN holidays_region text CHECK (holidays_region ~ '^[A-Z]{2}(-[A-Z0-9]{1,3})?$'),
  ADD COLUMN version integer NOT NULL DEFAULT 1;       -- of everything configure_clinic writes

ALTER TABLE services
  ADD COLUMN buffer_before_minutes integer NOT NULL DEFAULT 0
    CHECK (buffer_before_minutes BETWEEN 0 AND 480),
  ADD COLUMN buffer_after_minutes integer NOT NULL DEFAULT 0
    CHECK (buffer_after_minutes BETWEEN 0 AND 480),
  ADD COLUMN notice_minutes integer CHECK (notice_minutes BETWEEN 0 AND 527040),  -- NULL: clinic's
  ADD COLUMN price_minor_units bigint CHECK (price_minor_units BETWEEN 0 AND 1000000000),
  ADD COLUMN currency text CHECK (currency ~ '^[A-Z]{3}$'),
  ADD CONSTRAINT services_fit_a_day
    CHECK (buffer_before_minutes + duration_minutes + buffer_after_minutes <= 1440),
  ADD CONSTRAINT services_price_check CHECK ((price_minor_units IS NULL) = (currency IS NULL));

-- Hours may cross midnight: a span that closes before it opens closes on the next day.
ALTER TABLE opening_hours DROP CONSTRAINT opening_hours_check;
ALTER TABLE opening_hours ADD CONSTRAINT opening_hours_check CHECK (opens <> closes);

ALTER TABLE leads
  ADD COLUMN birth_date date CHECK (birth_date BETWEEN '1890-01-01' AND '9999-12-31'),
  ADD COLUMN version integer NOT NULL DEFAULT 1;

-- A service somebody is listed for is given by those listed; any other by everybody.
CREATE TABLE practitioner_services (
  org_id uuid NOT NULL,
  practitioner_id uuid NOT NULL,
  service_key text NOT NULL,
  PRIMARY KEY (org_id, service_key, practitioner_id),
  FOREIGN KEY (org_id, practitioner_id) REFERENCES practitioners (org_id, id),
  FOREIGN KEY (org_id, service_key) REFERENCES services (org_id, key)
);

-- A service with rooms listed needs one of them.
CREATE TABLE room_services (
  org_id uuid NOT NULL,
  room_id uuid NOT NULL,
  service_key text NOT NULL,
  PRIMARY KEY (org_id, service_key, room_id),
  FOREIGN KEY (org_id, room_id) REFERENCES rooms (org_id, id),
  FOREIGN KEY (org_id, service_key) REFERENCES services (org_id, key)
);

-- Weekly, in the clinic's wall time.
CREATE TABLE breaks (
  org_id uuid NOT NULL REFERENCES organizations (id),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  practitioner_id uuid,                 -- NULL: everybody's
  weekday smallint NOT NULL CHECK (weekday BETWEEN 1 AND 7),   -- ISO: Monday is 1
  starts time NOT NULL,
  ends time NOT NULL,
  label text NOT NULL DEFAULT 'break' CHECK (length(label) BETWEEN 1 AND 100),
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, practitioner_id) REFERENCES practitioners (org_id, id),
  CHECK (starts < ends)
);

-- A local day on which the weekly hours don't hold. Rows with hours replace them; a day with rows
-- but without hours is closed.
CREATE TABLE date_exceptions (
  org_id uuid NOT NULL REFERENCES organizations (id),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  practitioner_id uuid,                 -- NULL: the whole clinic
  day date NOT NULL,
  opens time,
  closes time,
  reason text NOT NULL DEFAULT '' CHECK (length(reason) <= 200),
  source text NOT NULL DEFAULT 'clinic' CHECK (source IN ('clinic', 'holiday')),
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, practitioner_id) REFERENCES practitioners (org_id, id),
  CHECK ((opens IS NULL) = (closes IS NULL)),
  CHECK (opens <> closes)
);
CREATE INDEX date_exceptions_of_day ON date_exceptions (org_id, day);

CREATE TABLE absences (
  org_id uuid NOT NULL REFERENCES organizations (id),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  practitioner_id uuid NOT NULL,
  starts_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  reason text NOT NULL DEFAULT '' CHECK (length(reason) <= 200),   -- for staff, never spoken
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, practitioner_id) REFERENCES practitioners (org_id, id),
  CHECK (starts_at < ends_at)
);
CREATE INDEX absences_of_practitioner ON absences (org_id, practitioner_id, ends_at);

-- Callers who want to be told when something becomes free.
CREATE TABLE waitlist (
  org_id uuid NOT NULL REFERENCES organizations (id),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  contact_id uuid NOT NULL,
  service_type text NOT NULL,
  practitioner_id uuid,                 -- NULL: anybody
  date_from date NOT NULL,
  date_to date NOT NULL,
  time_from time NOT NULL DEFAULT '00:00',   -- the part of the day that suits, wall time
  time_until time NOT NULL DEFAULT '24:00',
  status text NOT NULL DEFAULT 'waiting'
    CHECK (status IN ('waiting', 'offered', 'booked', 'left')),
  held_appointment_id uuid,             -- the hold that is offered now
  version integer NOT NULL DEFAULT 1,
  call_id text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, contact_id) REFERENCES leads (org_id, id),
  FOREIGN KEY (org_id, practitioner_id) REFERENCES practitioners (org_id, id),
  CHECK (date_from <= date_to AND time_from < time_until),
  CHECK ((status = 'offered') = (held_appointment_id IS NOT NULL))
);
CREATE INDEX waitlist_waiting ON waitlist (org_id, created_at, id)
  WHERE status IN ('waiting', 'offered');
CREATE INDEX waitlist_of_lead ON waitlist (org_id, contact_id);

-- What was offered to whom, so that nobody is offered the same time twice.
CREATE TABLE waitlist_offers (
  org_id uuid NOT NULL REFERENCES organizations (id),
  waitlist_id uuid NOT NULL,
  appointment_id uuid NOT NULL,         -- the hold
  practitioner_id uuid NOT NULL,
  scheduled_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, waitlist_id, appointment_id),
  FOREIGN KEY (org_id, waitlist_id) REFERENCES waitlist (org_id, id)
);

-- Messages a caller left for the front desk.
CREATE TABLE messages (
  org_id uuid NOT NULL REFERENCES organizations (id),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  caller_phone text,
  callback_phone text,
  name text CHECK (length(name) <= 120),
  body text NOT NULL CHECK (length(body) BETWEEN 1 AND 2000),
  urgency text NOT NULL DEFAULT 'normal' CHECK (urgency IN ('low', 'normal', 'high', 'emergency')),
  status text NOT NULL DEFAULT 'new' CHECK (status IN ('new', 'done')),
  call_id text,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id)
);
CREATE INDEX messages_in_time ON messages (org_id, created_at, id);

-- What staff must hear of at once. Ids and kinds, never a patient's details.
CREATE TABLE alerts (
  org_id uuid NOT NULL REFERENCES organizations (id),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  kind text NOT NULL CHECK (length(kind) BETWEEN 1 AND 50),
  call_id text,
  message_id uuid,
  appointment_id uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  seen_at timestamptz,
  PRIMARY KEY (org_id, id)
);
CREATE INDEX alerts_in_time ON alerts (org_id, created_at, id);
CREATE INDEX alerts_unseen ON alerts (org_id) WHERE seen_at IS NULL;

-- Requests that were answered: the same key gets the same answer. Bookings keep theirs themselves.
CREATE TABLE idempotency_keys (
  org_id uuid NOT NULL REFERENCES organizations (id),
  idempotency_key text NOT NULL CHECK (length(idempotency_key) BETWEEN 1 AND 300),
  request_hash text NOT NULL,
  result jsonb NOT NULL,                -- ids and times, never a patient's details
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, idempotency_key)
);

CREATE INDEX appointments_in_time ON appointments (org_id, scheduled_at, id);
CREATE INDEX appointments_held ON appointments (org_id, scheduled_at) WHERE status = 'held';
CREATE INDEX appointments_held_by_call ON appointments (org_id, call_id, scheduled_at)
  WHERE status = 'held';
-- What became of an appointment; that it was booked it tells itself.
CREATE INDEX events_of_appointment ON events (org_id, appointment_id) WHERE kind <> 'booked';

-- What one appointment must obey, as clinic_rules() reads it once for every decision.
CREATE TYPE clinic_rules AS (
  timezone text,
  horizon interval,
  notice interval,
  slot interval,
  hold interval,
  upcoming_max integer,
  caller_check text,
  keeps_hours boolean,                  -- false: open at all times
  service_type text,                    -- NULL: the clinic doesn't offer it
  duration interval,
  buffer_before interval,
  buffer_after interval,
  practitioners uuid[],                 -- who could give it, sorted by id, as the locks are
  names text[],
  rooms uuid[]                          -- NULL: none is needed
);

-- When appointments could begin with a practitioner.
CREATE TYPE free_time AS (practitioner_id uuid, starts tstzmultirange);

DO $$
DECLARE
  v_table text;
BEGIN
  FOREACH v_table IN ARRAY ARRAY['practitioner_services', 'room_services', 'breaks',
    'date_exceptions', 'absences', 'waitlist', 'waitlist_offers', 'messages', 'alerts',
    'idempotency_keys']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', v_table);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', v_table);
    EXECUTE format('CREATE POLICY owner_works ON %I TO %I USING (true) WITH CHECK (true)',
                   v_table, current_user);
    IF v_table <> 'idempotency_keys' THEN
      EXECUTE format(
        $policy$CREATE POLICY tenant_reads ON %I FOR SELECT USING (
          org_id = (nullif(current_setting('request.jwt.claims', true), '')::json ->> 'org_id')::uuid
        )$policy$, v_table);
      EXECUTE format('GRANT SELECT ON %I TO voxanne_api', v_table);
    END IF;
  END LOOP;
END $$;
