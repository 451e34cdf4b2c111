-- Purpose: people of whom nothing was heard for as long as the clinic chose are erased, each as if by hand
--   and with a receipt, one at a time.
-- Lock order: that of erase_person for one of them; so one is erased in a transaction.
-- Outcomes: how many were erased, 0 or 1.
CREATE FUNCTION sweep_idle_people(p_org_id uuid) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  c_actor constant text := 'retention';
  v_now timestamptz := current_moment();
  v_lead uuid;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN 0;
  END IF;
  v_lead := (idle_people(p_org_id, v_now, 1))[1];
  -- Under the locks it is looked at once more: they may have called just now.
  IF v_lead IS NULL OR lock_person(p_org_id, v_lead) IS NULL OR NOT is_idle_person(p_org_id, v_lead, (
      SELECT v_now - make_interval(days => person_retention_days) FROM organizations WHERE id = p_org_id)) THEN
    RETURN 0;
  END IF;
  RETURN (
    SELECT (answer ->> 'success')::boolean::integer
    FROM (
      SELECT audited(p_org_id, NULL, c_actor, 'person_erased', 'lead', v_lead::text,
                     erase_person(p_org_id, v_lead, c_actor)) AS answer
    ) AS erased);
END $$;
REVOKE ALL ON FUNCTION sweep_idle_people FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sweep_idle_people TO voxanne_api;
