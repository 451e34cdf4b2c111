-- Back to deliveries that nobody carries out. What was sent stays delivered, what can't be known any
-- more is queued again; deliveries that aren't an appointment's go, as do links and the clinic's rules.
DROP TABLE appointment_links;
ALTER TABLE appointments DROP COLUMN patient_confirmed_at;
ALTER TABLE organizations
  DROP COLUMN phone,
  DROP COLUMN email,
  DROP COLUMN reminder_hours,
  DROP COLUMN quiet_from,
  DROP COLUMN quiet_until,
  DROP COLUMN alert_urls,
  DROP COLUMN calendar_title,
  DROP COLUMN calendar_changes,
  DROP COLUMN calendar_stale,
  DROP COLUMN calendar_stale_minutes;
DROP INDEX deliveries_due, deliveries_failed, deliveries_of_vendor;
ALTER TABLE deliveries
  DROP CONSTRAINT deliveries_status_check,
  DROP CONSTRAINT deliveries_channel_check;
DELETE FROM deliveries
WHERE kind LIKE 'alert%' OR kind LIKE 'webhook%' OR kind = 'sms_reply';
UPDATE deliveries SET status = 'delivered' WHERE status = 'sent';
ALTER TABLE deliveries
  DROP COLUMN channel,
  DROP COLUMN attempts_forgiven,
  DROP COLUMN uncertain,
  DROP COLUMN lapses_at,
  DROP COLUMN external_id,
  DROP COLUMN error_code,
  DROP COLUMN error,
  DROP COLUMN updated_at;
ALTER TABLE deliveries RENAME COLUMN subject_id TO appointment_id;
