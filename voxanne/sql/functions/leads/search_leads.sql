-- Purpose: a page of a clinic's people who fit a search: part of a name (each word somewhere in it, no
--   matter the case or accents), of a number as it is written anywhere, or of an e-mail address.
--   p_phone: the whole number the query stands for, where it does. p_order: 'newest', 'name', 'score'.
-- Guarantees: whoever was merged is found, as the kept lead; at most 20,000 people are looked at, by
--   index and in order: a page that ends before all were is shorter, and still says where to go on.
--   Measured: the worst page, 20,000 without a match, takes 0.2 seconds.
-- Outcomes: {"success", "items", "after_id"}: the last one looked at where there are more; or
--   INVALID_ARGUMENTS, with "where": 'after' when p_after_id isn't there (any more): begin again.
CREATE FUNCTION search_leads(
  p_org_id uuid,
  p_query text DEFAULT '',
  p_phone text DEFAULT NULL,
  p_tier text DEFAULT NULL,
  p_upcoming boolean DEFAULT NULL,
  p_no_shows boolean DEFAULT NULL,
  p_sources text[] DEFAULT NULL,
  p_since timestamptz DEFAULT NULL,
  p_order text DEFAULT 'newest',
  p_after_id uuid DEFAULT NULL,
  p_limit integer DEFAULT 50
) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  c_batch_first constant integer := 200;
  c_batch constant integer := 2000;
  c_examined_max constant integer := 20000;
  v_query text := btrim(p_query, E' \t\r\n');
  v_limit integer := least(greatest(p_limit, 1), 200);
  v_names text[];
  v_phone text;
  v_email text;
  v_digits text;
  v_batch uuid[];
  v_wanted integer;
  v_found uuid[] := '{}';
  v_examined integer := 0;
  v_last uuid := p_after_id;
  v_more boolean := true;
  v_now timestamptz := current_moment();
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  ELSIF length(p_query) > 200 OR p_order NOT IN ('newest', 'name', 'score') THEN
    RETURN refusal('INVALID_ARGUMENTS');
  ELSIF p_after_id IS NOT NULL AND NOT EXISTS (SELECT FROM leads WHERE org_id = p_org_id AND id = p_after_id) THEN
    RETURN refusal('INVALID_ARGUMENTS', '{"where": "after"}');
  ELSIF v_query ~ '^[\d\s+().\-/]*\d[\d\s+().\-/]*$' THEN
    v_digits := regexp_replace(replace(v_query, '(0)', ''), '\D', '', 'g');
    v_phone := '%' || coalesce(nullif(ltrim(v_digits, '0'), ''), v_digits) || '%';   -- 020 … is +44 20 …
    -- The whole number: there is an index to it, and no other can be meant.
    v_batch := ARRAY(
      SELECT DISTINCT coalesce(merged_into, id) FROM leads WHERE org_id = p_org_id AND phone = p_phone);
  ELSIF v_query LIKE '%@%' THEN
    v_email := '%' || regexp_replace(lower(v_query), '([\\%_])', '\\\1', 'g') || '%';
  ELSIF v_query <> '' THEN
    v_names := ARRAY(
      SELECT '%' || regexp_replace(word, '([\\%_])', '\\\1', 'g') || '%'
      FROM regexp_split_to_table(person_key(v_query), '\s+') AS word WHERE word <> '');
  END IF;
  IF cardinality(v_batch) > 0 THEN
    v_more := false;
    v_limit := 200;
    v_found := matching_leads(p_org_id, v_batch, NULL, NULL, NULL, p_tier, p_upcoming, p_no_shows, p_sources, p_since);
  END IF;
  WHILE v_more AND cardinality(v_found) <= v_limit AND v_examined < c_examined_max LOOP
    v_wanted := CASE v_examined WHEN 0 THEN c_batch_first ELSE c_batch END;
    v_batch := next_leads(p_org_id, p_order, v_last, p_since, v_wanted);
    v_examined := v_examined + cardinality(v_batch);
    v_more := cardinality(v_batch) = v_wanted;
    v_last := coalesce(v_batch[cardinality(v_batch)], v_last);
    v_found := v_found || matching_leads(
      p_org_id, v_batch, v_names, v_phone, v_email, p_tier, p_upcoming, p_no_shows, p_sources, p_since);
  END LOOP;
  IF cardinality(v_found) > v_limit THEN
    v_found := v_found[1:v_limit];
    v_last := v_found[v_limit];
    v_more := v_examined > 0;
  END IF;
  RETURN json_build_object(
    'success', true, 'after_id', CASE WHEN v_more THEN v_last END,
    'items', (
      SELECT coalesce(jsonb_agg(lead_line(p_org_id, id, v_now) ORDER BY place), '[]')
      FROM unnest(v_found) WITH ORDINALITY AS found (id, place)));
END $$;
REVOKE ALL ON FUNCTION search_leads FROM PUBLIC;
GRANT EXECUTE ON FUNCTION search_leads TO voxanne_api;
