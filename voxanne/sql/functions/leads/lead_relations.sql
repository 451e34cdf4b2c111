-- Purpose: who has to do with a person: "members", who were merged into it; "household", others with one
--   of its numbers; "alike", others of one of its names; and what was merged and split, newest first.
-- Of those who were merged elsewhere, the kept lead stands for them.
CREATE FUNCTION lead_relations(p_org_id uuid, p_group uuid[]) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  c_people_max constant integer := 20;
  c_changes_max constant integer := 50;
  v_members leads[] := ARRAY(SELECT leads FROM leads WHERE org_id = p_org_id AND id = ANY (p_group));
  v_household uuid[];
  v_alike uuid[];
BEGIN
  v_household := ARRAY(
    SELECT DISTINCT coalesce(other.merged_into, other.id)
    FROM unnest(v_members) AS member
    JOIN leads AS other ON other.org_id = p_org_id AND other.phone = member.phone
    WHERE other.id <> ALL (p_group) LIMIT c_people_max);
  v_alike := ARRAY(
    SELECT DISTINCT coalesce(other.merged_into, other.id)
    FROM unnest(v_members) AS member
    JOIN leads AS other ON other.org_id = p_org_id AND other.person = member.person
    WHERE other.id <> ALL (p_group) LIMIT c_people_max);
  RETURN jsonb_build_object(
    'members', (
      SELECT coalesce(jsonb_agg(lead_name(member) ORDER BY array_position(p_group, id)), '[]')
      FROM unnest(v_members) AS member WHERE id <> p_group[1]),
    'household', (
      SELECT coalesce(jsonb_agg(lead_name(other) ORDER BY name, id), '[]') FROM leads AS other
      WHERE org_id = p_org_id AND id = ANY (v_household)),
    'alike', (
      SELECT coalesce(jsonb_agg(lead_name(other) ORDER BY name, id), '[]') FROM leads AS other
      WHERE org_id = p_org_id AND id = ANY (v_alike) AND id <> ALL (v_household)),
    'changes', (
      SELECT coalesce(jsonb_agg(
        lead_change_line(page.change) ORDER BY (page.change).created_at DESC, (page.change).id DESC), '[]')
      FROM (
        SELECT lead_changes AS change FROM lead_changes
        WHERE org_id = p_org_id AND (lead_id = ANY (p_group) OR other_id = ANY (p_group))
        ORDER BY created_at DESC, id DESC LIMIT c_changes_max) AS page));
END $$;
REVOKE ALL ON FUNCTION lead_relations FROM PUBLIC;
