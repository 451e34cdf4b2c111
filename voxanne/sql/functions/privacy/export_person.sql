-- Purpose: everything that is held about a person, as docs/reference/person-export.md describes it; the
--   calls, which are large, in pages, each after the last one seen.
-- Guarantees: the same records that an erasure takes away (person_records); nothing of the tables of
--   secrets. Calls are at most c_calls_max a page.
-- Outcomes: the document with the first page of "calls", and "next_call" where there are more; with
--   p_after_call that page alone; or NOT_FOUND.
CREATE FUNCTION export_person(p_org_id uuid, p_lead_id uuid, p_after_call text DEFAULT NULL) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  c_calls_max constant integer := 20;
  v_leads uuid[];
  v_held record;
  v_page text[];
  v_calls jsonb;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  v_leads := lead_group(p_org_id, p_lead_id);
  IF v_leads = '{}' THEN
    RETURN refusal('NOT_FOUND');
  END IF;
  v_held := person_records(p_org_id, v_leads);
  v_page := ARRAY(
    SELECT call_id FROM unnest(v_held.r_calls) AS known (call_id)
    WHERE p_after_call IS NULL OR call_id > p_after_call ORDER BY call_id LIMIT c_calls_max + 1);
  v_calls := jsonb_build_object(
    'success', true, 'calls', exported_calls(p_org_id, v_page[:c_calls_max]),
    'next_call', CASE WHEN cardinality(v_page) > c_calls_max THEN v_page[c_calls_max] END);
  IF p_after_call IS NOT NULL THEN
    RETURN v_calls;
  END IF;
  RETURN jsonb_build_object(
    'schema', 'voxanne.person-export', 'schema_version', 1, 'exported_at', current_moment(),
    'organization', (
      SELECT jsonb_build_object('id', id, 'name', name, 'timezone', timezone) FROM organizations WHERE id = p_org_id),
    'lead_id', v_leads[1],
    'people', (
      SELECT jsonb_agg(to_jsonb(leads) - '{org_id,person}'::text[] ORDER BY array_position(v_leads, id))
      FROM leads WHERE org_id = p_org_id AND id = ANY (v_leads)),
    'numbers', jsonb_build_object('own', v_held.r_numbers, 'shared', v_held.r_shared))
    || exported_diary(p_org_id, v_leads, v_held.r_appointments)
    || exported_words(p_org_id, v_leads, v_held.r_numbers || v_held.r_shared, v_held.r_texts, v_held.r_messages)
    || v_calls;
END $$;
REVOKE ALL ON FUNCTION export_person FROM PUBLIC;
GRANT EXECUTE ON FUNCTION export_person TO voxanne_api;
