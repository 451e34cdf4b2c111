-- Purpose: cancels a booked appointment; its time is free at once, or held for whoever waits for it.
-- Guarantees: what still waited to be delivered for it is voided in the same transaction; asked again
--   it answers the same.
-- Lock order: that of lock_diary, then the row.
-- Outcomes: {"success", "appointment_id", "status": "cancelled", …}; or NOT_FOUND, NOT_YOURS,
--   NEEDS_CONFIRMATION, STALE_VERSION.
CREATE FUNCTION cancel_appointment(
  p_org_id uuid,
  p_appointment_id uuid,
  p_reason text DEFAULT NULL,                -- kept with the appointment, for staff
  p_version integer DEFAULT NULL,
  p_caller_phone text DEFAULT NULL,
  p_caller_name text DEFAULT NULL,
  p_caller_birth_date date DEFAULT NULL,
  p_call_id text DEFAULT NULL,
  p_idempotency_key text DEFAULT NULL,
  p_request_hash text DEFAULT NULL,
  p_source text DEFAULT 'sql'
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  v_check text;
  v_cancelled appointments;
  v_lead leads;
  v_hash text := coalesce(p_request_hash, md5(jsonb_build_array(
    'cancel_appointment', p_appointment_id, p_caller_phone)::text));
  v_now timestamptz;
  v_result json;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  IF p_source IS NULL OR length(p_reason) > 2000 OR length(p_idempotency_key) NOT BETWEEN 1 AND 300
     OR length(concat(p_idempotency_key, p_request_hash, p_call_id, p_source, p_caller_name)) > 1000 THEN
    RETURN refusal('INVALID_ARGUMENTS');
  END IF;
  SELECT caller_check INTO v_check FROM organizations WHERE id = p_org_id;
  IF NOT FOUND THEN
    RETURN refusal('INVALID_ORGANIZATION');
  END IF;
  v_cancelled := lock_appointment(p_org_id, p_appointment_id, p_idempotency_key, '{}');
  v_now := current_moment();
  v_result := replayed_request(p_org_id, p_idempotency_key, v_hash);
  IF v_result IS NOT NULL THEN
    RETURN v_result;
  END IF;
  v_lead := find_owner(v_cancelled);
  IF v_cancelled.status = 'cancelled' THEN
    RETURN coalesce(
      caller_refusal(v_lead, v_check, p_source, p_caller_phone, p_caller_name, p_caller_birth_date),
      cancelled_result(v_cancelled, true));
  END IF;
  v_result := change_refusal(v_cancelled, v_lead, v_check, p_source, p_caller_phone, p_caller_name,
                             p_caller_birth_date, p_version, v_now);
  IF v_result IS NOT NULL THEN
    RETURN v_result;
  END IF;
  UPDATE appointments SET status = 'cancelled', version = version + 1, updated_at = v_now,
    metadata = CASE WHEN p_reason ~ '\S' THEN metadata || jsonb_build_object('cancel_reason', btrim(p_reason))
                    ELSE metadata END
  WHERE org_id = p_org_id AND id = p_appointment_id
  RETURNING * INTO v_cancelled;
  PERFORM settle_overbooked(p_org_id, v_cancelled.practitioner_id, v_cancelled.room_id, v_cancelled.blocked);
  INSERT INTO events (org_id, kind, appointment_id, lead_id, call_id, data, created_at)
  VALUES (p_org_id, 'cancelled', p_appointment_id, v_cancelled.contact_id, p_call_id,
          jsonb_build_object('source', p_source, 'version', v_cancelled.version), v_now);
  PERFORM requeue_deliveries(v_cancelled, 'cancellation', v_now);
  PERFORM offer_freed_time(v_cancelled, v_now);
  RETURN remember_request(p_org_id, p_idempotency_key, v_hash,
                          cancelled_result(v_cancelled, false), v_now);
END $$;
REVOKE ALL ON FUNCTION cancel_appointment FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cancel_appointment TO voxanne_api;
