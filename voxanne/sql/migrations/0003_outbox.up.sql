-- After the booking: one queue of deliveries for all that goes out, claimed with a lease, and the
-- clinic's rules for it.

-- A delivery is about an appointment, a staff alert, a webhook's message or a text message.
ALTER TABLE deliveries RENAME COLUMN appointment_id TO subject_id;
ALTER TABLE deliveries
  ADD COLUMN channel text NOT NULL GENERATED ALWAYS AS (split_part(kind, '_', 1)) STORED,
  -- Attempts before staff asked for another try: they don't count towards giving up.
  ADD COLUMN attempts_forgiven integer NOT NULL DEFAULT 0,
  -- True from the claim until the vendor's answer is known: it may have got there.
  ADD COLUMN uncertain boolean NOT NULL DEFAULT false,
  ADD COLUMN lapses_at timestamptz,          -- not sent from then on; NULL: never too late
  ADD COLUMN external_id text CHECK (length(external_id) <= 1100),   -- the vendor's own
  ADD COLUMN error_code text CHECK (length(error_code) <= 50),
  ADD COLUMN error text CHECK (length(error) <= 500),   -- in plain words, never a patient's details
  ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now(),
  ADD CONSTRAINT deliveries_status_check
    CHECK (status IN ('queued', 'sending', 'sent', 'delivered', 'failed', 'voided')),
  ADD CONSTRAINT deliveries_channel_check
    CHECK (split_part(kind, '_', 1) IN ('calendar', 'sms', 'email', 'webhook', 'alert'));
-- due_at: not tried before; while sending, when the lease ends; infinity: parked until something
-- outside is put right.
CREATE INDEX deliveries_due ON deliveries (org_id, channel, due_at) WHERE status IN ('queued', 'sending');
CREATE INDEX deliveries_failed ON deliveries (org_id, created_at) WHERE status = 'failed';
CREATE INDEX deliveries_of_vendor ON deliveries (org_id, external_id) WHERE external_id IS NOT NULL AND channel = 'sms';

ALTER TABLE organizations
  ADD COLUMN phone text CHECK (phone ~ '^\+[1-9][0-9]{6,14}$'),        -- told to patients
  ADD COLUMN email text CHECK (length(email) BETWEEN 3 AND 254),       -- answers go there
  -- Hours before an appointment at which its patient is reminded.
  ADD COLUMN reminder_hours integer[] NOT NULL DEFAULT '{24,2}' CHECK (
    cardinality(reminder_hours) <= 5 AND 1 <= ALL (reminder_hours) AND 336 >= ALL (reminder_hours)),
  -- No reminder and no offer is sent between them, in the patient's own region. Equal: at any time.
  ADD COLUMN quiet_from time NOT NULL DEFAULT '21:00',
  ADD COLUMN quiet_until time NOT NULL DEFAULT '08:00',
  ADD COLUMN alert_urls bytea,               -- where staff are told, encrypted; NULL: nowhere
  ADD COLUMN calendar_title text NOT NULL DEFAULT 'neutral'
    CHECK (calendar_title IN ('neutral', 'name', 'name_and_service')),
  -- What staff changed in the calendar: done here too, or put back there.
  ADD COLUMN calendar_changes text NOT NULL DEFAULT 'follow' CHECK (calendar_changes IN ('follow', 'restore')),
  -- When a calendar wasn't read for so long: book as if it were, treat it as busy, or leave it to staff.
  ADD COLUMN calendar_stale text NOT NULL DEFAULT 'offer' CHECK (calendar_stale IN ('offer', 'refuse', 'ask')),
  ADD COLUMN calendar_stale_minutes integer NOT NULL DEFAULT 60 CHECK (calendar_stale_minutes BETWEEN 5 AND 10080);

ALTER TABLE appointments ADD COLUMN patient_confirmed_at timestamptz;   -- by reply or on their page

-- What a patient's page is reached by. Unguessable: 96 random bits.
CREATE TABLE appointment_links (
  org_id uuid NOT NULL,
  appointment_id uuid NOT NULL,
  token text NOT NULL DEFAULT translate(encode(
    substring(uuid_send(gen_random_uuid()) FOR 6) || substring(uuid_send(gen_random_uuid()) FROM 10 FOR 6),
    'base64'), '+/', '-_'),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, appointment_id)
);
-- The tenant is known by the token alone. A reference table, as credentials are.
CREATE UNIQUE INDEX appointment_links_token ON appointment_links (token);

DO $$
BEGIN
  ALTER TABLE appointment_links ENABLE ROW LEVEL SECURITY;
  ALTER TABLE appointment_links FORCE ROW LEVEL SECURITY;
  EXECUTE format('CREATE POLICY owner_works ON appointment_links TO %I USING (true) WITH CHECK (true)', current_user);
END $$;
