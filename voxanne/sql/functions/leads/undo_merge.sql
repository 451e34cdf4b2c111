-- Purpose: whoever was merged stands alone again, as the kept one of those who were merged into them: the
--   merges that still hold say who they are. Called by undo_lead_change under its locks.
CREATE FUNCTION undo_merge(p_change lead_changes, p_moment timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  WITH RECURSIVE others AS (
    SELECT p_change.other_id AS id
    UNION
    SELECT change.other_id
    FROM others JOIN lead_changes AS change ON change.org_id = p_change.org_id AND change.lead_id = others.id
    WHERE change.kind = 'merge' AND change.undone_at IS NULL
  )
  UPDATE leads SET merged_into = CASE WHEN id <> p_change.other_id THEN p_change.other_id END
  WHERE org_id = p_change.org_id AND id IN (SELECT id FROM others);
  UPDATE lead_changes SET undone_at = p_moment WHERE org_id = p_change.org_id AND id = p_change.id;
END $$;
REVOKE ALL ON FUNCTION undo_merge FROM PUBLIC;
