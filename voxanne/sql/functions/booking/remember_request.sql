-- Purpose: keeps the answer of a request that was carried out, under its key, if it has one.
-- Outcomes: the answer.
CREATE FUNCTION remember_request(
  p_org_id uuid, p_idempotency_key text, p_request_hash text, p_result json, p_moment timestamptz
) RETURNS json
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  IF p_idempotency_key IS NOT NULL THEN
    INSERT INTO idempotency_keys (org_id, idempotency_key, request_hash, result, created_at)
    VALUES (p_org_id, p_idempotency_key, p_request_hash, p_result, p_moment)
    -- The key's lock is held: only a snapshot older than the lock meets one, and is run again (40001).
    ON CONFLICT DO NOTHING;
  END IF;
  RETURN p_result;
END $$;
REVOKE ALL ON FUNCTION remember_request FROM PUBLIC;
