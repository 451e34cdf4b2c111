-- Purpose: for how long a webhook's messages are kept, and so how far back it can be told again.
CREATE FUNCTION webhook_retention() RETURNS interval
LANGUAGE sql IMMUTABLE
AS $$ SELECT interval '30 days' $$;
REVOKE ALL ON FUNCTION webhook_retention FROM PUBLIC;
