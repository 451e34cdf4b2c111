-- Purpose: deletes the rows that are a person's alone: the people themselves come last.
-- Called by erase_person under its locks, nowhere else.
-- Outcomes: {table: how many}. At a level above READ COMMITTED something of theirs may have been
--   committed that this transaction can't see: serialization_failure, and all of it is run again.
CREATE FUNCTION erase_rows(
  p_org_id uuid, p_leads uuid[], p_texts uuid[], p_messages uuid[], p_moment timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  v_texts integer;
  v_messages integer;
  v_notes integer;
  v_people integer;
BEGIN
  DELETE FROM texts WHERE org_id = p_org_id AND id = ANY (p_texts);
  GET DIAGNOSTICS v_texts = ROW_COUNT;
  DELETE FROM messages WHERE org_id = p_org_id AND id = ANY (p_messages);
  GET DIAGNOSTICS v_messages = ROW_COUNT;
  DELETE FROM idempotency_keys
  WHERE org_id = p_org_id AND result ->> 'message_id' = ANY (p_messages::text[]);
  -- Nothing is left to look at.
  UPDATE alerts SET seen_at = p_moment
  WHERE org_id = p_org_id AND message_id = ANY (p_messages) AND seen_at IS NULL;
  DELETE FROM notes WHERE org_id = p_org_id AND lead_id = ANY (p_leads);
  GET DIAGNOSTICS v_notes = ROW_COUNT;
  DELETE FROM lead_scores WHERE org_id = p_org_id AND lead_id = ANY (p_leads);
  DELETE FROM lead_changes
  WHERE org_id = p_org_id AND (lead_id = ANY (p_leads) OR other_id = ANY (p_leads));
  DELETE FROM leads WHERE org_id = p_org_id AND id = ANY (p_leads);
  GET DIAGNOSTICS v_people = ROW_COUNT;
  RETURN jsonb_build_object(
    'texts', v_texts, 'messages', v_messages, 'notes', v_notes, 'people', v_people);
EXCEPTION
  WHEN foreign_key_violation THEN
    RAISE serialization_failure USING MESSAGE = 'something new of the person was stored';
END $$;
REVOKE ALL ON FUNCTION erase_rows FROM PUBLIC;
