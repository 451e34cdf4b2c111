-- Purpose: the appointments of a split go back, with the names they had; the person it made goes, if there
--   is nothing else of theirs. Called by undo_lead_change under its locks.
-- Lock order: appointments by id, the person it made, then their score.
-- Outcomes: false, with nothing written: one of them isn't where the split put it.
CREATE FUNCTION undo_split(p_change lead_changes, p_moment timestamptz) RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  v_locked integer;
BEGIN
  PERFORM FROM appointments
  WHERE org_id = p_change.org_id AND id = ANY (p_change.appointments) AND contact_id = p_change.other_id
  ORDER BY id FOR UPDATE;
  GET DIAGNOSTICS v_locked = ROW_COUNT;
  IF v_locked <> cardinality(p_change.appointments) THEN
    RETURN false;
  END IF;
  PERFORM hand_appointment(p_change.org_id, id, p_change.lead_id, p_change.names ->> id::text, p_moment)
  FROM unnest(p_change.appointments) AS id;
  UPDATE lead_changes SET undone_at = p_moment WHERE org_id = p_change.org_id AND id = p_change.id;
  BEGIN
    IF p_change.made_lead AND NOT EXISTS (
        SELECT FROM lead_changes
        WHERE org_id = p_change.org_id AND p_change.other_id IN (lead_id, other_id) AND undone_at IS NULL) THEN
      -- As score_lead does, which would otherwise wait for the score while it holds the lead.
      PERFORM FROM leads WHERE org_id = p_change.org_id AND id = p_change.other_id FOR UPDATE;
      DELETE FROM lead_scores WHERE org_id = p_change.org_id AND lead_id = p_change.other_id;
      DELETE FROM leads
      WHERE org_id = p_change.org_id AND id = p_change.other_id AND version = 1 AND merged_into IS NULL;
    END IF;
  EXCEPTION
    WHEN foreign_key_violation THEN NULL;   -- booked for, written about or called since: they stay
  END;
  RETURN true;
END $$;
REVOKE ALL ON FUNCTION undo_split FROM PUBLIC;
