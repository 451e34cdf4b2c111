-- pgbench: a hold of 12:15 with the practitioner asked for (:named = 1), or of 17:00 with anybody.
-- The numbers are scattered over clinics, practitioners and days, so that no two want the same.
\set i :i + 1
\set ticket :first + :i * 8 + :client_id
\set number permute(:i * 8 + :client_id, :clinics * 10 * 245, 42)
\set clinic :number % :clinics + 1
\set practitioner :number / :clinics % 10
\set day 5 + :number / :clinics / 10
SELECT hold_slot(
  p_org_id => bench.id_of('clinic', :clinic, 0), p_service_type => 'consultation',
  p_scheduled_at => bench.time_of(bench.weekday(date '1970-01-01' + :monday::integer, :day), 9 - :named),
  p_practitioner_id => CASE WHEN :named::integer = 1 THEN bench.id_of('practitioner', :clinic, :practitioner) END,
  p_call_id => '3a1d9c52-6be0-4f11-8f0a-' || lpad(:ticket::text, 12, '0'),
  p_caller_phone => '+447700900456', p_source => 'voice',
  p_idempotency_key => '3a1d9c52-6be0-4f11-8f0a-' || lpad(:ticket::text, 12, '0') || '-hold_'
    || lpad(:ticket::text, 24, '0'),
  p_request_hash => repeat(md5(:ticket::text), 2));
