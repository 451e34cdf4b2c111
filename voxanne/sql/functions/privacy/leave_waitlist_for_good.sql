-- Purpose: a person waits for nothing any more: offers in hand go to the next who waits, but to none of
--   their own entries, and the entries go.
-- Called by erase_person under its locks, nowhere else.
-- Outcomes: how many entries went.
CREATE FUNCTION leave_waitlist_for_good(p_org_id uuid, p_leads uuid[], p_moment timestamptz) RETURNS integer
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  v_entries uuid[];
BEGIN
  UPDATE waitlist SET status = 'left', version = version + 1, updated_at = p_moment
  WHERE org_id = p_org_id AND contact_id = ANY (p_leads) AND status = 'waiting';
  SELECT coalesce(array_agg(id ORDER BY id), '{}') INTO v_entries
  FROM waitlist WHERE org_id = p_org_id AND contact_id = ANY (p_leads);
  PERFORM end_offer(p_org_id, entry, 'left', false) FROM unnest(v_entries) AS entry;
  DELETE FROM idempotency_keys
  WHERE org_id = p_org_id AND result ->> 'waitlist_id' = ANY (v_entries::text[]);
  DELETE FROM waitlist_offers WHERE org_id = p_org_id AND waitlist_id = ANY (v_entries);
  DELETE FROM waitlist WHERE org_id = p_org_id AND id = ANY (v_entries);
  RETURN cardinality(v_entries);
END $$;
REVOKE ALL ON FUNCTION leave_waitlist_for_good FROM PUBLIC;
