-- Looks at: appointments
-- It ends after it begins, keeps others out for as long as it lasts at least, has a known status and a
-- version, and knows when it lapses if it is a hold.
SELECT org_id, 'appointment ' || id AS what FROM appointments
WHERE scheduled_at >= ends_at
   OR coalesce(blocked_from, scheduled_at) > scheduled_at
   OR coalesce(blocked_until, ends_at) < ends_at
   OR lower(blocked) IS DISTINCT FROM coalesce(blocked_from, scheduled_at)
   OR upper(blocked) IS DISTINCT FROM coalesce(blocked_until, ends_at)
   OR status NOT IN ('held', 'confirmed', 'cancelled', 'expired', 'completed', 'no_show')
   OR version < 1
   OR status IN ('held', 'expired') AND hold_expires_at IS NULL
   OR status NOT IN ('held', 'expired') AND hold_expires_at IS NOT NULL
   OR service_type <> lower(service_type) OR service_type = ''
