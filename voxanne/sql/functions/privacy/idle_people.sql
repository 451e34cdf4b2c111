-- Purpose: who is to be erased by the clinic's choice, the longest known first, p_limit at most.
-- p_since: the clinic's period began then. p_after_at, p_after_lead: where the last look ended, as leads_in_time
--   is ordered; NULL: at the beginning.
-- Cost: at most c_looks_max leads are looked at.
-- Outcomes: r_people; r_seen_at and r_seen_lead: whom it looked at last; NULL: there is nobody after.
CREATE FUNCTION idle_people(
  p_org_id uuid, p_since timestamptz, p_after_at timestamptz, p_after_lead uuid, p_limit integer,
  OUT r_people uuid[], OUT r_seen_at timestamptz, OUT r_seen_lead uuid
)
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  c_looks_max constant integer := 500;
  c_first constant uuid := '00000000-0000-0000-0000-000000000000';
  v_lead record;
BEGIN
  r_people := '{}';
  FOR v_lead IN
    SELECT id, created_at, merged_into IS NULL AND updated_at < p_since AS untouched, row_number() OVER () AS n
    FROM (
      SELECT * FROM leads
      WHERE org_id = p_org_id AND created_at < p_since
        AND (created_at, id) > (coalesce(p_after_at, '-infinity'), coalesce(p_after_lead, c_first))
      ORDER BY created_at, id LIMIT c_looks_max + 1) AS next
  LOOP
    IF v_lead.n > c_looks_max OR cardinality(r_people) = p_limit THEN
      RETURN;
    END IF;
    r_seen_at := v_lead.created_at;
    r_seen_lead := v_lead.id;
    IF v_lead.untouched AND is_idle_person(p_org_id, v_lead.id, p_since) THEN
      r_people := r_people || v_lead.id;
    END IF;
  END LOOP;
  r_seen_at := NULL;
  r_seen_lead := NULL;
END $$;
REVOKE ALL ON FUNCTION idle_people FROM PUBLIC;
