-- Purpose: the vendor tells what became of a text that it was handed.
-- p_attempt: which attempt it was told to name; of an earlier one it changes nothing. p_status: the
--   vendor's word. p_error_code, p_error: why it didn't get there, the latter in plain words.
-- Guarantees: told late, twice or in another order it changes nothing: a text's state only goes
--   forward, and has one end.
-- Lock order: the text, then its delivery.
-- Outcomes: {"success", "changed"}; or NOT_FOUND, INVALID_ARGUMENTS.
CREATE FUNCTION take_text_status(
  p_org_id uuid, p_text_id uuid, p_attempt integer, p_external_id text, p_status text,
  p_error_code text DEFAULT NULL, p_error text DEFAULT NULL
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  c_order constant jsonb := '{"accepted": 1, "scheduled": 1, "queued": 1, "sending": 2, "sent": 3,
    "delivered": 4, "read": 4, "undelivered": 4, "failed": 4, "canceled": 4}';
  v_now timestamptz;
  v_text texts;
  v_became text;
  v_delivery deliveries;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  ELSIF c_order -> p_status IS NULL OR p_attempt IS NULL
     OR coalesce(length(p_external_id), 0) NOT BETWEEN 1 AND 100 THEN
    RETURN refusal('INVALID_ARGUMENTS');
  END IF;
  SELECT * INTO v_text FROM texts
  WHERE org_id = p_org_id AND id = p_text_id AND direction = 'out' FOR UPDATE;
  IF NOT FOUND THEN
    RETURN refusal('NOT_FOUND');
  ELSIF v_text.attempt IS DISTINCT FROM p_attempt OR v_text.external_id <> p_external_id
     OR (c_order ->> p_status)::integer <= coalesce((c_order ->> v_text.status)::integer, 0)
     OR EXISTS (SELECT FROM texts WHERE org_id = p_org_id AND external_id = p_external_id AND id <> p_text_id) THEN
    RETURN json_build_object('success', true, 'changed', false);
  END IF;
  v_now := current_moment();
  UPDATE texts SET status = p_status, external_id = p_external_id WHERE org_id = p_org_id AND id = p_text_id;
  v_became := CASE WHEN p_status IN ('delivered', 'read') THEN 'delivered'
                   WHEN p_status IN ('undelivered', 'failed', 'canceled') THEN 'failed'
                   ELSE 'sent' END;
  UPDATE deliveries SET
    status = v_became, external_id = p_external_id, uncertain = false, due_at = v_now, updated_at = v_now,
    error_code = CASE WHEN v_became = 'failed' THEN left(p_error_code, 50) END,
    error = CASE WHEN v_became = 'failed' THEN left(p_error, 500) END
  WHERE org_id = p_org_id AND kind = v_text.kind AND version = v_text.version
    AND subject_id = CASE WHEN v_text.kind = 'sms_reply' THEN v_text.id ELSE v_text.appointment_id END
    AND CASE v_became
      WHEN 'delivered' THEN true
      WHEN 'failed' THEN status <> 'voided'
      -- What is under way says so itself; what was in doubt isn't any more.
      ELSE uncertain AND status = 'queued' OR status = 'failed' END
  RETURNING * INTO v_delivery;
  IF FOUND THEN
    PERFORM record_delivery(v_delivery, v_now);
  END IF;
  IF p_error_code = '21610' THEN
    PERFORM store_consent(p_org_id, v_text.their_number, 'opt_out', NULL, 'carrier', v_now);
  END IF;
  RETURN json_build_object('success', true, 'changed', true);
END $$;
REVOKE ALL ON FUNCTION take_text_status FROM PUBLIC;
GRANT EXECUTE ON FUNCTION take_text_status TO voxanne_api;
