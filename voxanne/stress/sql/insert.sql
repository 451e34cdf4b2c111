-- pgbench: the bare row of a booking, far ahead, by a client that knows everything beforehand.
\set i :i + 1
\set ticket :first + :i * 8 + :client_id
\set number permute(:ticket, :clinics * 10 * 8 * 5000, 42)
\set clinic :number % :clinics + 1
\set practitioner :number / :clinics % 10
\set place :number / :clinics / 10 % 8
\set day 300 + :number / :clinics / 80
\set lead random(0, :leads - 1)
INSERT INTO appointments (
  org_id, id, contact_id, practitioner_id, room_id, service_type, scheduled_at, ends_at,
  blocked_from, blocked_until, overlap_allowed, source, call_id, idempotency_key, request_hash,
  metadata, created_at, updated_at)
SELECT bench.id_of('clinic', :clinic, 0), gen_random_uuid(), bench.id_of('lead', :clinic, :lead),
  bench.id_of('practitioner', :clinic, :practitioner), NULL, 'consultation', starts,
  starts + interval '30 minutes', starts, starts + interval '35 minutes', false, 'voice',
  '5c7e20b4-91aa-4c3d-b6d1-' || lpad(:ticket::text, 12, '0'),
  '5c7e20b4-91aa-4c3d-b6d1-' || lpad(:ticket::text, 12, '0') || '-call_'
    || lpad(:ticket::text, 24, '0'),
  repeat(md5(:ticket::text), 2),
  jsonb_build_object('patient', jsonb_build_object('name', 'Ben Adler', 'phone', '+447700900123')),
  now(), now()
FROM bench.time_of(bench.weekday(date '1970-01-01' + :monday::integer, :day), :place) AS starts;
