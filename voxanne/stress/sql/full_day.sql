-- A clinic with one full day, for `bench --only dashboard`: open from 8 to 18 with a break, ten
-- practitioners with twelve appointments of half an hour each, half of them booked by phone, a tenth
-- with a message that failed, and somebody of its staff who is signed in.
-- Reads the settings bench.org_id, bench.day and bench.token_hash (hex).
INSERT INTO organizations (id, name, timezone, country)
SELECT current_setting('bench.org_id')::uuid, 'Full Day', 'America/New_York', 'US';
INSERT INTO services (org_id, key, name, duration_minutes)
SELECT current_setting('bench.org_id')::uuid, 'brace-fitting', 'Brace fitting', 30;
INSERT INTO practitioners (org_id, name)
SELECT current_setting('bench.org_id')::uuid, 'Dr Practitioner ' || n FROM generate_series(1, 10) AS n;
INSERT INTO opening_hours (org_id, weekday, opens, closes)
SELECT current_setting('bench.org_id')::uuid, n, '08:00', '18:00' FROM generate_series(1, 7) AS n;
INSERT INTO breaks (org_id, weekday, starts, ends)
SELECT current_setting('bench.org_id')::uuid, n, '12:30', '12:45' FROM generate_series(1, 7) AS n;
INSERT INTO leads (org_id, name, person, phone)
SELECT current_setting('bench.org_id')::uuid, 'Patient Number ' || n, 'patient number ' || n, '+1212555' || 1000 + n
FROM generate_series(1, 120) AS n;

INSERT INTO appointments (
  org_id, contact_id, practitioner_id, service_type, scheduled_at, ends_at, source, metadata)
SELECT lead.org_id, lead.id, who.id, 'brace-fitting', starts, starts + interval '30 minutes',
  CASE WHEN lead.n % 2 = 0 THEN 'voice' ELSE 'staff' END,
  jsonb_build_object('patient', jsonb_build_object('name', lead.name, 'phone', lead.phone))
FROM (SELECT *, row_number() OVER (ORDER BY id) - 1 AS n FROM leads
      WHERE org_id = current_setting('bench.org_id')::uuid) AS lead
JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM practitioners
      WHERE org_id = current_setting('bench.org_id')::uuid) AS who ON who.n = lead.n % 10
CROSS JOIN LATERAL (
  SELECT (current_setting('bench.day')::date + time '08:00' + lead.n / 10 * interval '45 minutes')
    AT TIME ZONE 'America/New_York' AS starts) AS at;

INSERT INTO deliveries (org_id, subject_id, kind, version, status, due_at)
SELECT org_id, booked.id, kind, 1,
  CASE WHEN kind = 'calendar' AND row_number() OVER (ORDER BY booked.id) % 30 = 0 THEN 'failed' ELSE 'delivered' END,
  now()
FROM appointments AS booked
CROSS JOIN unnest(ARRAY['calendar', 'sms_confirmation', 'email_confirmation']) AS kind
WHERE org_id = current_setting('bench.org_id')::uuid;

WITH account AS (
  INSERT INTO staff_accounts (email, name) VALUES ('bench@voxanne.invalid', 'Bench') RETURNING id
), member AS (
  INSERT INTO memberships (org_id, staff_id, role)
  SELECT current_setting('bench.org_id')::uuid, id, 'staff' FROM account
)
INSERT INTO sessions (token_hash, staff_id, created_at, last_seen_at, expires_at)
SELECT decode(current_setting('bench.token_hash'), 'hex'), id, current_moment(), current_moment(),
  current_moment() + interval '14 days'
FROM account;
ANALYZE organizations, services, practitioners, opening_hours, breaks, leads, appointments, deliveries;
