-- Purpose: a new webhook of the clinic. It is told of what happens from now on.
-- p_kinds: of events; none: all. p_encrypted_secret: as the deployment encrypts it.
-- Lock order: the clinic's webhooks, as a key of lock_diary's.
-- Outcomes: {"success", "webhook", "encrypted_secret", "replayed"}; INVALID_ORGANIZATION,
--   INVALID_ARGUMENTS, LIMIT_REACHED, IDEMPOTENCY_MISMATCH.
CREATE FUNCTION create_webhook(
  p_org_id uuid, p_url text, p_kinds text[], p_encrypted_secret text,
  p_idempotency_key text DEFAULT NULL, p_request_hash text DEFAULT NULL
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  c_webhooks_max constant integer := 20;
  v_now timestamptz;
  v_webhook webhooks;
  v_result json;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  ELSIF NOT EXISTS (SELECT FROM organizations WHERE id = p_org_id) THEN
    RETURN refusal('INVALID_ORGANIZATION');
  END IF;
  PERFORM lock_diary(p_org_id, NULL, 'webhooks', '{}', false, true);
  v_now := current_moment();
  v_result := replayed_request(p_org_id, p_idempotency_key, coalesce(p_request_hash, ''));
  IF v_result IS NOT NULL THEN
    RETURN v_result;
  ELSIF coalesce(length(p_url), 0) NOT BETWEEN 1 AND 2000 OR p_kinds IS NULL
      OR cardinality(p_kinds) > 100 OR array_position(p_kinds, NULL) IS NOT NULL
      OR coalesce(length(p_encrypted_secret), 0) NOT BETWEEN 1 AND 1000
      OR length(p_idempotency_key) NOT BETWEEN 1 AND 300 THEN
    RETURN refusal('INVALID_ARGUMENTS');
  ELSIF (SELECT count(*) FROM webhooks WHERE org_id = p_org_id AND status <> 'removed') >= c_webhooks_max THEN
    RETURN refusal('LIMIT_REACHED');
  END IF;
  INSERT INTO webhooks (org_id, url, kinds, encrypted_secret, created_at, updated_at)
  VALUES (p_org_id, p_url, p_kinds, p_encrypted_secret, v_now, v_now)
  RETURNING * INTO v_webhook;
  RETURN remember_request(p_org_id, p_idempotency_key, coalesce(p_request_hash, ''), json_build_object(
    'success', true, 'webhook', webhook_document(v_webhook), 'encrypted_secret', p_encrypted_secret,
    'replayed', false), v_now);
END $$;
REVOKE ALL ON FUNCTION create_webhook FROM PUBLIC;
GRANT EXECUTE ON FUNCTION create_webhook TO voxanne_api;
