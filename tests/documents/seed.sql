-- What the pages' examples name as if it had been there: a patient with an appointment next week, one
-- who failed to get a message, and the id that stands for any calendar or delivery.
SELECT book_appointment_atomic('d0000000-0000-4000-8000-000000000001', 'Maya Okafor', 'maya@example.com',
  '+447700900123', 'consultation', date_trunc('week', now()) + interval '9 days 9 hours', 60) \g /dev/null
INSERT INTO calendar_connections (org_id, id, vendor, calendar, status)
VALUES ('d0000000-0000-4000-8000-000000000001', '7c0b7a52-4d0f-4c3e-9a57-1f1f5a1b2c3d', 'google', 'primary',
        'broken');
