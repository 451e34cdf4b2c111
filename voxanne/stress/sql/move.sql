-- pgbench: moves an appointment of the weeks 1 to 5 by a multiple of five weeks, so that no two
-- want the same time. An appointment that comes again goes on to the next of nine such weeks.
\set i :i + 1
\set ticket :first + :i * 8 + :client_id
\set n :i * 8 + :client_id
\set total :clinics * 24 * 52
\set number permute(:n, :total, 42)
\set clinic :number % :clinics + 1
\set day 5 + :number / :clinics / 52
\set nth :number / :clinics % 52
\set appointment (:day - :first_loaded) * 52 + :nth
\set later 25 * (1 + (:turn + :n / :total) % 9)
SELECT reschedule_appointment(
  p_org_id => bench.id_of('clinic', :clinic, 0),
  p_appointment_id => bench.id_of('appointment', :clinic, :appointment),
  p_scheduled_at => bench.time_of(
    bench.weekday(date '1970-01-01' + :monday::integer, :day::integer + :later::integer),
    bench.spot_of(:clinic, :day, :nth) % 8),
  p_caller_phone => bench.phone_of(:clinic, bench.lead_of(:appointment, :leads)),
  p_call_id => '3a1d9c52-6be0-4f11-8f0a-' || lpad(:ticket::text, 12, '0'), p_source => 'voice',
  p_idempotency_key => '3a1d9c52-6be0-4f11-8f0a-' || lpad(:ticket::text, 12, '0') || '-move_'
    || lpad(:ticket::text, 24, '0'),
  p_request_hash => repeat(md5(:ticket::text), 2));
