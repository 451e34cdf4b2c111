-- Purpose: takes a merge or a split back, exactly.
-- Guarantees: a merge can be undone at any time: whoever was merged into the one that comes out again comes
--   with it, whoever was not stays, whatever else was merged or undone since. A split as long as each of its
--   appointments is where it went; the person it made goes, unless something else is theirs by now. Undone
--   twice is undone.
-- Lock order: both groups of leads by id, the change, appointments by id.
-- Outcomes: {"success", "change_id", "lead_id", "other_id", "replayed"}; or NOT_FOUND: there's no such change,
--   or one of the people is erased; STALE_VERSION (reason: appointments): one of them is somebody else's by now.
CREATE FUNCTION undo_lead_change(p_org_id uuid, p_change_id uuid, p_staff_id uuid) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  v_change lead_changes;
  v_now timestamptz;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  SELECT * INTO v_change FROM lead_changes WHERE org_id = p_org_id AND id = p_change_id;
  IF NOT FOUND THEN
    RETURN refusal('NOT_FOUND');
  ELSIF v_change.undone_at IS NULL THEN
    IF NOT lock_leads(p_org_id, v_change.lead_id, v_change.other_id) THEN
      RETURN refusal('NOT_FOUND');
    END IF;
    SELECT * INTO v_change FROM lead_changes WHERE org_id = p_org_id AND id = p_change_id FOR UPDATE;
  END IF;
  IF v_change.undone_at IS NULL THEN
    v_now := current_moment();
    IF v_change.kind = 'merge' THEN
      PERFORM undo_merge(v_change, v_now);
    ELSIF NOT undo_split(v_change, v_now) THEN
      RETURN refusal('STALE_VERSION', '{"reason": "appointments"}');
    END IF;
    INSERT INTO events (org_id, kind, lead_id, data, created_at)
    VALUES (p_org_id, 'lead_change_undone', v_change.lead_id,
            jsonb_build_object('change_id', p_change_id, 'other_id', v_change.other_id), v_now);
  END IF;
  RETURN json_build_object(
    'success', true, 'change_id', p_change_id, 'lead_id', v_change.lead_id, 'other_id', v_change.other_id,
    'replayed', v_now IS NULL);
END $$;
REVOKE ALL ON FUNCTION undo_lead_change FROM PUBLIC;
GRANT EXECUTE ON FUNCTION undo_lead_change TO voxanne_api;
