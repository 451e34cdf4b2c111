-- Looks at: deliveries WHERE channel IN ('sms', 'email')
-- A message the vendor has once is one delivery, and is sent again only after it failed.
SELECT org_id, 'one message of the vendor for ' || string_agg(kind || ' of ' || subject_id, ', ' ORDER BY subject_id)
    AS what
FROM deliveries WHERE channel IN ('sms', 'email') AND external_id <> 'printed'   -- in development
GROUP BY org_id, channel, external_id HAVING count(*) > 1
UNION ALL
SELECT org_id, 'one message of the vendor for texts ' || string_agg(id::text, ', ' ORDER BY id)
FROM texts WHERE external_id IS NOT NULL
GROUP BY org_id, direction, external_id HAVING count(*) > 1
UNION ALL
SELECT org_id, data ->> 'kind' || ' of ' || appointment_id || ', version ' || (data ->> 'version') || ', sent '
  || count(*) FILTER (WHERE kind = 'delivery_sent') || ' times'
FROM events
WHERE kind IN ('delivery_sent', 'delivery_failed') AND appointment_id IS NOT NULL
  AND data ->> 'kind' NOT IN ('calendar', 'sms_reply')
GROUP BY org_id, appointment_id, data ->> 'kind', data ->> 'version'
HAVING count(*) FILTER (WHERE kind = 'delivery_sent') > 1 + count(*) FILTER (WHERE kind = 'delivery_failed')
