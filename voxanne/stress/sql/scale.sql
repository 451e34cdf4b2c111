-- What `bench --only scale` needs beside diary.sql: the rest of a clinic's rows, and one procedure that
-- times every kind of work.

-- To each appointment its event and a text message: sent, or, of the clinic's last p_waiting ones, due
-- now; of the p_waiting before them due next week. To each lead a call. Half of what waits for later
-- are e-mails.
CREATE PROCEDURE bench.add_records(
  p_first_clinic integer, p_last_clinic integer, p_appointments integer, p_leads integer,
  p_waiting integer
)
LANGUAGE sql
BEGIN ATOMIC
  INSERT INTO events (org_id, kind, appointment_id, lead_id, call_id, created_at)
  SELECT bench.id_of('clinic', clinic, 0), 'booked', id,
    bench.id_of('lead', clinic, bench.lead_of(number, p_leads)), id::text, now() - interval '9 days'
  FROM generate_series(p_first_clinic, p_last_clinic) AS clinic
  CROSS JOIN generate_series(0, p_appointments - 1) AS number
  CROSS JOIN LATERAL (SELECT bench.id_of('appointment', clinic, number) AS id OFFSET 0) AS booked;
  INSERT INTO deliveries (org_id, subject_id, kind, version, status, due_at, attempts, external_id, created_at)
  SELECT bench.id_of('clinic', clinic, 0), bench.id_of('appointment', clinic, number),
    CASE WHEN waits = 1 AND number % 2 = 0 THEN 'email_confirmation' ELSE 'sms_confirmation' END, 1,
    CASE WHEN waits < 2 THEN 'queued' ELSE 'sent' END,
    now() + CASE WHEN waits = 1 THEN interval '7 days' ELSE interval '-9 days' END,
    (waits > 1)::integer,
    CASE WHEN waits > 1 THEN 'SM' || md5(clinic::text || '.' || number::text) END,
    now() - interval '9 days'
  FROM generate_series(p_first_clinic, p_last_clinic) AS clinic
  CROSS JOIN generate_series(0, p_appointments - 1) AS number
  CROSS JOIN LATERAL (SELECT (p_appointments - 1 - number) / p_waiting AS waits OFFSET 0) AS state;
  INSERT INTO calls (org_id, call_id, lead_id, caller_phone, status, started_at, ended_at, summary, promise)
  SELECT bench.id_of('clinic', clinic, 0), bench.id_of('call', clinic, number)::text,
    bench.id_of('lead', clinic, number), bench.phone_of(clinic, number), 'ended',
    now() - interval '9 days', now() - interval '9 days', 'A patient asked for a time.', 'none'
  FROM generate_series(p_first_clinic, p_last_clinic) AS clinic
  CROSS JOIN generate_series(0, p_leads - 1) AS number;
END;

-- Bookings of this run, numbered: the scattered free places of a clinic come one after the other.
CREATE SEQUENCE bench.tickets MINVALUE 0;
GRANT USAGE ON SEQUENCE bench.tickets TO voxanne_api;

-- p_calls calls of one kind (booking, availability, timeline, day, claim, idle), each in a transaction
-- of its own, in one at random of p_sample clinics that lie evenly among the p_clinics.
-- r_ms: how long each took by the server's clock, its commit left out: that is the disk's, and would
-- hide what grows. r_wrong: how many answers weren't as they must be.
CREATE PROCEDURE bench.time_scale(
  p_calls integer, p_kind text, p_clinics integer, p_sample integer, p_leads integer, p_monday date,
  p_later integer,                      -- weekdays until the first booking
  p_at_once integer,                    -- how many deliveries are claimed
  INOUT r_ms double precision[] DEFAULT '{}', INOUT r_wrong integer DEFAULT 0
)
LANGUAGE plpgsql
AS $$
DECLARE
  v_next timestamptz := bench.time_of(p_monday + 7, 0);
  v_ticket integer;
  v_clinic integer;
  v_org uuid;
  v_lead uuid;
  v_practitioner uuid;
  v_start timestamptz;
  v_began timestamptz;
  v_ended timestamptz;
  v_answer json;
BEGIN
  FOR number IN 1..p_calls LOOP
    v_clinic := floor(random() * p_sample);
    IF p_kind = 'booking' THEN
      v_ticket := nextval('bench.tickets');
      v_clinic := v_ticket % p_sample;
      v_ticket := v_ticket / p_sample;
      v_start := bench.time_of(bench.weekday(p_monday, p_later + v_ticket / 20), 8 + v_ticket % 2);
    END IF;
    v_clinic := 1 + v_clinic * (p_clinics / p_sample);
    v_org := bench.id_of('clinic', v_clinic, 0);
    v_lead := bench.id_of('lead', v_clinic, floor(random() * p_leads)::integer);
    v_practitioner := bench.id_of('practitioner', v_clinic, v_ticket / 2 % 10);
    v_began := clock_timestamp();
    CASE p_kind
      WHEN 'booking' THEN
        v_answer := book_appointment_atomic(
          v_org, 'Maya Okafor', NULL, '+1556' || lpad((v_ticket * p_sample + v_clinic)::text, 7, '0'),
          'consultation', v_start, NULL, p_practitioner_id => v_practitioner, p_source => 'voice');
      WHEN 'availability' THEN
        v_answer := check_availability(v_org, 'consultation', v_next, v_next + interval '30 days');
      WHEN 'timeline' THEN
        v_answer := lead_timeline(v_org, v_lead);
      WHEN 'day' THEN
        v_answer := day_view(v_org, p_monday + 7);
      WHEN 'claim' THEN
        v_answer := claim_deliveries('sms', p_at_once, 8, 60);
      WHEN 'idle' THEN
        v_answer := claim_deliveries('email', p_at_once, 8, 60);
    END CASE;
    v_ended := clock_timestamp();
    r_ms := r_ms || 1000 * extract(epoch FROM v_ended - v_began)::double precision;
    r_wrong := r_wrong + (CASE p_kind
      WHEN 'booking' THEN (v_answer ->> 'success')::boolean
      WHEN 'availability' THEN json_array_length(v_answer -> 'slots') = 6
      WHEN 'timeline' THEN json_array_length(v_answer -> 'items') >= 3
      WHEN 'day' THEN json_array_length(v_answer -> 'appointments') = 52
      WHEN 'claim' THEN json_array_length(v_answer) = p_at_once
      WHEN 'idle' THEN json_array_length(v_answer) = 0
    END IS NOT TRUE)::integer;
    COMMIT;
    IF p_kind = 'claim' THEN
      PERFORM finish_delivery(
          (claimed -> 'organization' ->> 'org_id')::uuid, (delivery ->> 'subject_id')::uuid,
          delivery ->> 'kind', 1, (delivery ->> 'attempt')::integer, 'sent', 'SM' || gen_random_uuid())
      FROM json_array_elements(v_answer) AS claimed,
        json_array_elements(claimed -> 'deliveries') AS delivery;
      COMMIT;
    END IF;
  END LOOP;
END $$;
