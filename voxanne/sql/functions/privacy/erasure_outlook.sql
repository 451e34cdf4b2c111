-- Purpose: what erasing a person would take away, for whoever decides it: in numbers, and what is upcoming.
-- Outcomes: {"success", "lead": {"id", "name", "phone"}, "people", "shared": numbers that others use too,
--   "upcoming": [{"scheduled_at", "service_type"}], "counts"}; or NOT_FOUND.
CREATE FUNCTION erasure_outlook(p_org_id uuid, p_lead_id uuid) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  c_upcoming_max constant integer := 100;
  v_leads uuid[];
  v_held record;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  v_leads := lead_group(p_org_id, p_lead_id);
  IF v_leads = '{}' THEN
    RETURN refusal('NOT_FOUND');
  END IF;
  v_held := person_records(p_org_id, v_leads);
  RETURN jsonb_build_object(
    'success', true,
    'lead', (
      SELECT jsonb_build_object('id', id, 'name', name, 'phone', phone) FROM leads
      WHERE org_id = p_org_id AND id = v_leads[1]),
    'people', cardinality(v_leads),
    'shared', v_held.r_shared,
    'upcoming', (
      SELECT coalesce(jsonb_agg(jsonb_build_object(
        'id', id, 'scheduled_at', scheduled_at, 'service_type', service_type) ORDER BY scheduled_at, id), '[]')
      FROM (
        SELECT * FROM appointments
        WHERE org_id = p_org_id AND id = ANY (v_held.r_appointments) AND status = 'confirmed'
          AND scheduled_at > current_moment()
        ORDER BY scheduled_at, id LIMIT c_upcoming_max) AS next),
    'counts', jsonb_build_object(
      'appointments', (
        SELECT count(*) FROM appointments
        WHERE org_id = p_org_id AND id = ANY (v_held.r_appointments) AND status NOT IN ('held', 'expired')),
      'calls', cardinality(v_held.r_calls), 'texts', cardinality(v_held.r_texts),
      'messages', cardinality(v_held.r_messages),
      'notes', (SELECT count(*) FROM notes WHERE org_id = p_org_id AND lead_id = ANY (v_leads)),
      'waitlist', (SELECT count(*) FROM waitlist WHERE org_id = p_org_id AND contact_id = ANY (v_leads))));
END $$;
REVOKE ALL ON FUNCTION erasure_outlook FROM PUBLIC;
GRANT EXECUTE ON FUNCTION erasure_outlook TO voxanne_api;
