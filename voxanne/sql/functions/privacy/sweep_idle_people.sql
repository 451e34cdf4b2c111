-- Purpose: people of whom nothing was heard for as long as the clinic chose are erased, each as if by hand
--   and with a receipt, one at a time. Each look goes on where the last one ended, and after the last lead
--   begins anew.
-- Lock order: that of erase_person for one of them; so one is erased in a transaction. The organization's
--   row comes last, and isn't waited for.
-- Outcomes: how many were erased, 0 or 1.
CREATE FUNCTION sweep_idle_people(p_org_id uuid) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  c_actor constant text := 'retention';
  v_since timestamptz;
  v_clinic organizations;
  v_looked record;
  v_lead uuid;
  v_answer json;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN 0;
  END IF;
  SELECT * INTO v_clinic FROM organizations WHERE id = p_org_id AND person_retention_days IS NOT NULL;
  IF NOT FOUND THEN
    RETURN 0;
  END IF;
  v_since := current_moment() - make_interval(days => v_clinic.person_retention_days);
  v_looked := idle_people(p_org_id, v_since, v_clinic.idle_seen_at, v_clinic.idle_seen_lead, 1);
  v_lead := v_looked.r_people[1];
  -- Under the locks it is looked at once more: they may have called just now.
  IF v_lead IS NOT NULL AND (lock_person(p_org_id, v_lead)).r_leads IS NOT NULL
      AND is_idle_person(p_org_id, v_lead, v_since) THEN
    v_answer := audited(p_org_id, NULL, c_actor, 'person_erased', 'lead', v_lead::text,
                        erase_person(p_org_id, v_lead, c_actor));
  END IF;
  UPDATE organizations SET idle_seen_at = v_looked.r_seen_at, idle_seen_lead = v_looked.r_seen_lead
  WHERE id = (SELECT id FROM organizations WHERE id = p_org_id FOR NO KEY UPDATE SKIP LOCKED)
    AND (idle_seen_at, idle_seen_lead) IS DISTINCT FROM (v_looked.r_seen_at, v_looked.r_seen_lead);
  RETURN coalesce((v_answer ->> 'success')::boolean, false)::integer;
END $$;
REVOKE ALL ON FUNCTION sweep_idle_people FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sweep_idle_people TO voxanne_api;
