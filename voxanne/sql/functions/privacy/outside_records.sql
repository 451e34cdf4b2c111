-- Purpose: what of a person is at vendors, by the vendors' own ids, for whoever must see to it there.
-- Outcomes: {"voice_platform": {"count", "ids"}, "sms_vendor": {"count", "ids"}, "emails": count}, at
--   most 1,000 ids each.
CREATE FUNCTION outside_records(
  p_org_id uuid, p_calls text[], p_texts uuid[], p_appointments uuid[]
) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  c_ids_max constant integer := 1000;
  v_texts text[];
BEGIN
  SELECT coalesce(array_agg(external_id ORDER BY place), '{}') INTO v_texts FROM texts
  WHERE org_id = p_org_id AND id = ANY (p_texts) AND external_id IS NOT NULL;
  RETURN jsonb_build_object(
    'voice_platform', jsonb_build_object(
      'count', cardinality(p_calls), 'ids', ARRAY(SELECT unnest(p_calls) ORDER BY 1 LIMIT c_ids_max)),
    'sms_vendor', jsonb_build_object('count', cardinality(v_texts), 'ids', v_texts[:c_ids_max]),
    'emails', (
      SELECT count(*) FROM deliveries
      WHERE org_id = p_org_id AND subject_id = ANY (p_appointments) AND channel = 'email'
        AND status IN ('sent', 'delivered')));
END $$;
REVOKE ALL ON FUNCTION outside_records FROM PUBLIC;
