-- Purpose: how long a clinic keeps what, and how much is due to go now.
-- Outcomes: {"success", "version", "call_retention_days", "text_retention_days", "person_retention_days",
--   "due": {"calls", "texts", "people", "more_people"}}, each counted up to c_due_max; people of those that
--   idle_people looks at at once, more_people: there may be more of them; or INVALID_ORGANIZATION.
CREATE FUNCTION retention_outlook(p_org_id uuid) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  c_due_max constant integer := 1000;
  v_now timestamptz := current_moment();
  v_clinic organizations;
  v_looked record;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  SELECT * INTO v_clinic FROM organizations WHERE id = p_org_id;
  IF NOT FOUND THEN
    RETURN refusal('INVALID_ORGANIZATION');
  END IF;
  v_looked := idle_people(
    p_org_id, v_now - make_interval(days => v_clinic.person_retention_days), NULL, NULL, c_due_max);
  RETURN json_build_object(
    'success', true, 'version', v_clinic.version,
    'call_retention_days', v_clinic.call_retention_days,
    'text_retention_days', v_clinic.text_retention_days,
    'person_retention_days', v_clinic.person_retention_days,
    'due', json_build_object(
      'calls', (SELECT count(*) FROM (
        SELECT FROM calls
        WHERE org_id = p_org_id AND stripped_at IS NULL
          AND started_at < v_now - make_interval(days => v_clinic.call_retention_days)
        LIMIT c_due_max) AS old),
      'texts', (SELECT count(*) FROM (
        SELECT FROM texts
        WHERE org_id = p_org_id AND created_at < v_now - make_interval(days => v_clinic.text_retention_days)
        LIMIT c_due_max) AS old),
      'people', cardinality(v_looked.r_people), 'more_people', v_looked.r_seen_lead IS NOT NULL));
END $$;
REVOKE ALL ON FUNCTION retention_outlook FROM PUBLIC;
GRANT EXECUTE ON FUNCTION retention_outlook TO voxanne_api;
