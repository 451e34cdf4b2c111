-- Purpose: how a delivery stands, for staff. `parked`: nobody knows when it is tried next, since
--   something outside must be put right before.
CREATE FUNCTION delivery_document(p_delivery deliveries) RETURNS jsonb
LANGUAGE sql STABLE
AS $$
  SELECT jsonb_build_object(
    'id', concat(p_delivery.subject_id, '/', p_delivery.kind, '/', p_delivery.version),
    'subject_id', p_delivery.subject_id,
    'channel', p_delivery.channel,
    'kind', p_delivery.kind,
    'version', p_delivery.version,
    'status', p_delivery.status,
    'attempts', p_delivery.attempts,
    'error_code', p_delivery.error_code,
    'error', p_delivery.error,
    'next_try_at', CASE WHEN p_delivery.status = 'queued' AND isfinite(p_delivery.due_at) THEN p_delivery.due_at END,
    'parked', p_delivery.status = 'queued' AND NOT isfinite(p_delivery.due_at),
    'created_at', p_delivery.created_at,
    'updated_at', p_delivery.updated_at)
$$;
REVOKE ALL ON FUNCTION delivery_document FROM PUBLIC;
