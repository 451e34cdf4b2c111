-- Purpose: what was written to, by and about a person, and whether their numbers want texts, as the export
--   has it.
CREATE FUNCTION exported_words(
  p_org_id uuid, p_leads uuid[], p_numbers text[], p_texts uuid[], p_messages uuid[]
) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN jsonb_build_object(
    'texts', (
      SELECT coalesce(jsonb_agg(
        to_jsonb(texts) - '{org_id,place,attempt,choices,version}'::text[] ORDER BY place), '[]')
      FROM texts WHERE org_id = p_org_id AND id = ANY (p_texts)),
    'messages', (
      SELECT coalesce(jsonb_agg(to_jsonb(messages) - 'org_id' ORDER BY created_at, id), '[]')
      FROM messages WHERE org_id = p_org_id AND id = ANY (p_messages)),
    'notes', (
      SELECT coalesce(jsonb_agg(to_jsonb(notes) - '{org_id,staff_id}'::text[] ORDER BY created_at, id), '[]')
      FROM notes WHERE org_id = p_org_id AND lead_id = ANY (p_leads)),
    'consents', (
      SELECT coalesce(jsonb_agg(jsonb_build_object(
        'phone', number, 'kind', kind, 'word', word, 'source', source, 'at', created_at) ORDER BY place), '[]')
      FROM unnest(p_numbers) AS number
      JOIN consents ON org_id = p_org_id AND phone IN (number, erased_phone(p_org_id, number))));
END $$;
REVOKE ALL ON FUNCTION exported_words FROM PUBLIC;
