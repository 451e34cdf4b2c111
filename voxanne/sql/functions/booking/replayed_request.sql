-- Purpose: what a request that isn't a booking was answered before, by its key.
-- Outcomes: NULL when it is new; its result with "replayed"; or IDEMPOTENCY_MISMATCH.
CREATE FUNCTION replayed_request(p_org_id uuid, p_idempotency_key text, p_request_hash text)
RETURNS json
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  IF p_idempotency_key IS NULL THEN
    RETURN NULL;
  END IF;
  RETURN (
    SELECT CASE
      WHEN request_hash = p_request_hash THEN (result || '{"replayed": true}')::json
      ELSE refusal('IDEMPOTENCY_MISMATCH') END
    FROM idempotency_keys WHERE org_id = p_org_id AND idempotency_key = p_idempotency_key
  );
END $$;
REVOKE ALL ON FUNCTION replayed_request FROM PUBLIC;
