-- Diaries to measure in, made in a scratch database.
--
-- A clinic: ten practitioners, open on weekdays from 9 to 13 and from 14 to 18 with a break, five of
-- them by hours of their own; one service of 30 minutes and 5 after it, on a grid of 15. A day has
-- eight times, and 52 of its 80 appointments are booked: at nine everybody's, so that it is certain to
-- be refused, the others here and there. 12:15 and 17:00 stay free.
CREATE SCHEMA bench;
GRANT USAGE ON SCHEMA bench TO voxanne_api;

-- As scattered as random ones, but known beforehand.
CREATE FUNCTION bench.id_of(p_kind text, p_clinic integer, p_number integer) RETURNS uuid
LANGUAGE sql IMMUTABLE
AS $$ SELECT md5(p_kind || p_clinic::text || '.' || p_number::text)::uuid $$;

CREATE FUNCTION bench.phone_of(p_clinic integer, p_lead integer) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$ SELECT '+447' || lpad((p_clinic * 10000 + p_lead)::text, 9, '0') $$;

-- Whose the clinic's p_number-th appointment is.
CREATE FUNCTION bench.lead_of(p_number integer, p_leads integer) RETURNS integer
LANGUAGE sql IMMUTABLE
AS $$ SELECT p_number * 7919 % p_leads $$;

-- The p_day-th weekday from a Monday on; before it, where negative.
CREATE FUNCTION bench.weekday(p_monday date, p_day integer) RETURNS date
LANGUAGE sql IMMUTABLE
AS $$ SELECT p_monday - 70000 + (50000 + p_day) / 5 * 7 + (50000 + p_day) % 5 $$;

-- Place 0 to 7: the times that are booked; 8 and 9: those that stay free.
CREATE FUNCTION bench.time_of(p_day date, p_place integer) RETURNS timestamptz
LANGUAGE sql IMMUTABLE
AS $$
  SELECT (p_day + ('{09:00,09:45,10:45,11:30,14:00,14:45,15:30,16:15,12:15,17:00}'::time[])[1 + p_place])
    AT TIME ZONE 'Europe/London'
$$;

-- Where the day's p_number-th of 52 appointments is: 8 * practitioner + place.
CREATE FUNCTION bench.spot_of(p_clinic integer, p_day integer, p_number integer) RETURNS integer
LANGUAGE sql IMMUTABLE
AS $$
  SELECT CASE WHEN p_number < 10 THEN 8 * p_number ELSE 8 * (n / 7) + 1 + n % 7 END
  FROM (SELECT (37 * p_number + 13 * p_clinic + 29 * (50000 + p_day)) % 70 AS n) AS scattered
$$;

CREATE PROCEDURE bench.add_clinics(p_clinics integer)
LANGUAGE sql
BEGIN ATOMIC
  INSERT INTO organizations (id, name, timezone, country)
  SELECT bench.id_of('clinic', clinic, 0), 'Clinic ' || clinic, 'Europe/London', 'GB'
  FROM generate_series(1, p_clinics) AS clinic;
  INSERT INTO practitioners (org_id, id, name)
  SELECT bench.id_of('clinic', clinic, 0), bench.id_of('practitioner', clinic, number), 'Dr ' || number
  FROM generate_series(1, p_clinics) AS clinic, generate_series(0, 9) AS number;
  INSERT INTO services (org_id, key, name, duration_minutes, buffer_after_minutes)
  SELECT bench.id_of('clinic', clinic, 0), 'consultation', 'Consultation', 30, 5
  FROM generate_series(1, p_clinics) AS clinic;
  -- Number 5 stands for the clinic.
  INSERT INTO opening_hours (org_id, practitioner_id, weekday, opens, closes)
  SELECT bench.id_of('clinic', clinic, 0),
    CASE WHEN number < 5 THEN bench.id_of('practitioner', clinic, number) END, weekday, opens, closes
  FROM generate_series(1, p_clinics) AS clinic, generate_series(0, 5) AS number,
    generate_series(1, 5) AS weekday,
    (VALUES (time '09:00', time '13:00'), ('14:00', '18:00')) AS hours (opens, closes);
  INSERT INTO breaks (org_id, weekday, starts, ends)
  SELECT bench.id_of('clinic', clinic, 0), weekday, '10:30', '10:45'
  FROM generate_series(1, p_clinics) AS clinic, generate_series(1, 5) AS weekday;
END;

CREATE PROCEDURE bench.add_leads(p_first_clinic integer, p_last_clinic integer, p_leads integer)
LANGUAGE sql
BEGIN ATOMIC
  INSERT INTO leads (org_id, id, name, person, phone, phone_verified)
  SELECT bench.id_of('clinic', clinic, 0), bench.id_of('lead', clinic, number), 'Ben Adler',
    'ben adler', bench.phone_of(clinic, number), true
  FROM generate_series(p_first_clinic, p_last_clinic) AS clinic,
    generate_series(0, p_leads - 1) AS number;
END;

-- Some clinics' appointments from number p_first to p_last: those of a day, where a clinic's first
-- is on weekday p_first_day.
CREATE PROCEDURE bench.add_appointments(
  p_first_clinic integer, p_last_clinic integer, p_first integer, p_last integer, p_leads integer,
  p_monday date, p_first_day integer
)
LANGUAGE sql
BEGIN ATOMIC
  INSERT INTO appointments (
    org_id, id, contact_id, practitioner_id, service_type, scheduled_at, ends_at, blocked_from,
    blocked_until, source, call_id, idempotency_key, request_hash, metadata, created_at, updated_at)
  SELECT bench.id_of('clinic', clinic, 0), id,
    bench.id_of('lead', clinic, bench.lead_of(number, p_leads)),
    bench.id_of('practitioner', clinic, spot / 8), 'consultation', starts,
    starts + interval '30 minutes', starts, starts + interval '35 minutes', 'voice', call_id,
    call_id || '-call_' || lpad(number::text, 24, '0'), call_id || call_id,
    '{"patient": {"name": "Ben Adler", "phone": "+447700900123"}}',
    least(starts - interval '9 days', now()), now()
  FROM generate_series(p_first_clinic, p_last_clinic) AS clinic
  CROSS JOIN generate_series(p_first, p_last) AS number
  -- OFFSET 0: worked out once per row, not wherever it is used.
  CROSS JOIN LATERAL (
    SELECT bench.id_of('appointment', clinic, number) AS id,
      bench.spot_of(clinic, p_first_day + number / 52, number % 52) AS spot
    OFFSET 0
  ) AS planned
  CROSS JOIN LATERAL (
    SELECT bench.time_of(bench.weekday(p_monday, p_first_day + number / 52), spot % 8) AS starts,
      id::text AS call_id
    OFFSET 0
  ) AS timed;
END;

-- What costs less to build once than to keep row by row. Without p_exclusions those constraints stay: a
-- clinic meets an index that grew, and one that is built at once is half as large.
CREATE TABLE bench.set_aside (
  number integer GENERATED ALWAYS AS IDENTITY, table_name text, name text, constraint_text text,
  index_text text
);

CREATE PROCEDURE bench.set_indexes_aside(p_tables regclass[], p_exclusions boolean)
LANGUAGE plpgsql
AS $$
DECLARE
  v_aside bench.set_aside;
BEGIN
  INSERT INTO bench.set_aside (table_name, name, constraint_text)
  SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint
  WHERE (contype IN ('p', 'u') OR contype = 'x' AND p_exclusions) AND conrelid = ANY (p_tables)
    OR contype = 'f' AND (conrelid = ANY (p_tables) OR confrelid = ANY (p_tables))
  ORDER BY contype = 'f';
  INSERT INTO bench.set_aside (table_name, name, index_text)
  SELECT indrelid::regclass, indexrelid::regclass, pg_get_indexdef(indexrelid) FROM pg_index
  WHERE indrelid = ANY (p_tables) AND NOT EXISTS (
    SELECT FROM pg_constraint WHERE conindid = indexrelid AND conrelid = ANY (p_tables));
  FOR v_aside IN SELECT * FROM bench.set_aside ORDER BY number DESC LOOP
    EXECUTE CASE
      WHEN v_aside.index_text IS NOT NULL THEN format('DROP INDEX %I', v_aside.name)
      ELSE format('ALTER TABLE %I DROP CONSTRAINT %I', v_aside.table_name, v_aside.name)
    END;
  END LOOP;
END $$;

CREATE PROCEDURE bench.put_indexes_back()
LANGUAGE plpgsql
SET maintenance_work_mem = '512MB'
AS $$
DECLARE
  v_aside bench.set_aside;
BEGIN
  FOR v_aside IN SELECT * FROM bench.set_aside ORDER BY number LOOP
    EXECUTE coalesce(v_aside.index_text, format('ALTER TABLE %I ADD CONSTRAINT %I %s',
      v_aside.table_name, v_aside.name, v_aside.constraint_text));
  END LOOP;
END $$;
