-- Purpose: a page of the audit log, newest first, after the last row seen: who saw and changed what.
-- p_actor: an e-mail address, or 'command line', 'retention'. p_from, p_until: the day that is looked at.
-- Guarantees: at most 201 rows; planned anew for the filters given, so that each finds its index.
-- Outcomes: {"success", "items", "actors", "actions"}: the latter two are what was found among the newest
--   c_looked_at_max rows, to choose from.
CREATE FUNCTION list_audit(
  p_org_id uuid, p_actor text DEFAULT NULL, p_action text DEFAULT NULL, p_subject_kind text DEFAULT NULL,
  p_subject_id text DEFAULT NULL, p_from timestamptz DEFAULT NULL, p_until timestamptz DEFAULT NULL,
  p_after_id bigint DEFAULT NULL, p_limit integer DEFAULT 50
) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
DECLARE
  c_looked_at_max constant integer := 2000;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  RETURN (
    SELECT json_build_object(
      'success', true,
      'items', (
        SELECT coalesce(jsonb_agg(to_jsonb(page) - 'org_id' ORDER BY page.id DESC), '[]')
        FROM (
          SELECT * FROM audit_log
          WHERE org_id = p_org_id
            AND (p_actor IS NULL OR actor = p_actor)
            AND (p_action IS NULL OR action = p_action)
            AND (p_subject_kind IS NULL OR subject_kind = p_subject_kind)
            AND (p_subject_id IS NULL OR subject_id = p_subject_id)
            AND (p_from IS NULL OR created_at >= p_from)
            AND (p_until IS NULL OR created_at < p_until)
            AND (p_after_id IS NULL OR id < p_after_id)
          ORDER BY id DESC
          LIMIT least(p_limit, 201)
        ) AS page),
      'actors', coalesce(jsonb_agg(DISTINCT actor), '[]'),
      'actions', coalesce(jsonb_agg(DISTINCT action), '[]'))
    FROM (
      SELECT actor, action FROM audit_log WHERE org_id = p_org_id ORDER BY id DESC LIMIT c_looked_at_max
    ) AS newest);
END $$;
REVOKE ALL ON FUNCTION list_audit FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_audit TO voxanne_api;
