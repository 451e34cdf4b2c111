-- Purpose: another URL, other kinds, or off and on. What is NULL stays.
-- Guarantees: turned on again, it gets what it missed: what was queued or failed since it began to
--   fail, under the same ids, and from the event log what happened while it was off, as far back as
--   messages are kept.
-- Lock order: the webhook, then its deliveries.
-- Outcomes: {"success", "webhook"}; NOT_FOUND, STALE_VERSION, INVALID_ARGUMENTS.
CREATE FUNCTION change_webhook(
  p_org_id uuid, p_webhook_id uuid, p_url text DEFAULT NULL, p_kinds text[] DEFAULT NULL,
  p_status text DEFAULT NULL, p_version integer DEFAULT NULL
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_now timestamptz;
  v_found record;
  v_webhook webhooks;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  ELSIF length(p_url) NOT BETWEEN 1 AND 2000 OR cardinality(p_kinds) > 100
      OR array_position(p_kinds, NULL) IS NOT NULL
      OR p_status NOT IN ('active', 'disabled') THEN
    RETURN refusal('INVALID_ARGUMENTS');
  END IF;
  SELECT * INTO v_found FROM lock_webhook(p_org_id, p_webhook_id, p_version);
  IF v_found.p_refused IS NOT NULL THEN
    RETURN v_found.p_refused;
  END IF;
  v_webhook := v_found.p_webhook;
  v_now := current_moment();
  IF p_status = 'active' AND v_webhook.status = 'disabled' THEN
    PERFORM resume_webhook(v_webhook, v_now);
  ELSIF p_status = 'disabled' AND v_webhook.status = 'active' THEN
    PERFORM park_webhook(v_webhook, v_now);
  END IF;
  UPDATE webhooks SET
    url = coalesce(p_url, url), kinds = coalesce(p_kinds, kinds),
    failing_since = CASE WHEN p_url <> url THEN NULL ELSE failing_since END,
    version = version + 1, updated_at = v_now
  WHERE org_id = p_org_id AND id = p_webhook_id
  RETURNING * INTO v_webhook;
  RETURN json_build_object('success', true, 'webhook', webhook_document(v_webhook));
END $$;
REVOKE ALL ON FUNCTION change_webhook FROM PUBLIC;
GRANT EXECUTE ON FUNCTION change_webhook TO voxanne_api;
