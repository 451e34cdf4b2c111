-- Back to the core. What only the diary can hold goes: breaks, exceptions, absences, the waitlist,
-- messages, alerts, buffers, prices, rules, birth dates, and hours across midnight are split at midnight.
-- Appointments, leads, events and deliveries stay.
DROP TYPE clinic_rules, free_time;                 -- the functions that use it went before
DROP INDEX appointments_in_time, appointments_held, appointments_held_by_call, events_of_appointment;
DROP TABLE idempotency_keys, alerts, messages, waitlist_offers, waitlist, absences, date_exceptions,
  breaks, room_services, practitioner_services;
ALTER TABLE leads DROP COLUMN birth_date, DROP COLUMN version;
ALTER TABLE opening_hours DROP CONSTRAINT opening_hours_check;
-- The part after midnight becomes a span of the next day's; the older schema can hold that.
INSERT INTO opening_hours (org_id, practitioner_id, weekday, opens, closes)
SELECT org_id, practitioner_id, weekday % 7 + 1, '00:00', closes
FROM opening_hours WHERE closes < opens AND closes > '00:00';
UPDATE opening_hours SET closes = '24:00' WHERE closes < opens;
ALTER TABLE opening_hours ADD CONSTRAINT opening_hours_check CHECK (opens < closes);
ALTER TABLE services
  DROP CONSTRAINT services_fit_a_day,
  DROP CONSTRAINT services_price_check,
  DROP COLUMN buffer_before_minutes,
  DROP COLUMN buffer_after_minutes,
  DROP COLUMN notice_minutes,
  DROP COLUMN price_minor_units,
  DROP COLUMN currency;
ALTER TABLE organizations
  DROP COLUMN slot_minutes,
  DROP COLUMN hold_seconds,
  DROP COLUMN offer_minutes,
  DROP COLUMN upcoming_per_caller_max,
  DROP COLUMN caller_check,
  DROP COLUMN language,
  DROP COLUMN address,
  DROP COLUMN transfer_number,
  DROP COLUMN red_flags,
  DROP COLUMN holidays_region,
  DROP COLUMN version;
