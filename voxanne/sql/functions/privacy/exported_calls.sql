-- Purpose: calls as a person's export has them, with what the platform reported, in the order of their ids.
CREATE FUNCTION exported_calls(p_org_id uuid, p_calls text[]) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN (
    SELECT coalesce(jsonb_agg(
      jsonb_build_object('call_id', known.call_id)
      || coalesce(to_jsonb(calls) - '{org_id,call_id}'::text[], '{}')
      || jsonb_build_object('reports', (
        SELECT coalesce(jsonb_agg(to_jsonb(raw) - '{org_id,call_id,unrecorded}'::text[] ORDER BY received_at, type), '[]')
        FROM voice_messages AS raw WHERE raw.org_id = p_org_id AND raw.call_id = known.call_id))
      ORDER BY known.call_id), '[]')
    FROM unnest(p_calls) AS known (call_id)
    LEFT JOIN calls ON calls.org_id = p_org_id AND calls.call_id = known.call_id);
END $$;
REVOKE ALL ON FUNCTION exported_calls FROM PUBLIC;
