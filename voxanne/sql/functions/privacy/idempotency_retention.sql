-- Purpose: for how long a request that isn't a booking gets its first answer when it comes again under its key:
--   longer than any program retries. A booking's own key is kept with the appointment.
CREATE FUNCTION idempotency_retention() RETURNS interval
LANGUAGE sql IMMUTABLE
AS $$ SELECT interval '30 days' $$;
REVOKE ALL ON FUNCTION idempotency_retention FROM PUBLIC;
