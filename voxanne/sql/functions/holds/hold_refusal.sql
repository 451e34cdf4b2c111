-- Purpose: may this hold be used? A hold is tied to its call, an offer to the number it was made to.
-- Outcomes: NULL, or NOT_FOUND, NOT_YOURS, HOLD_EXPIRED.
CREATE FUNCTION hold_refusal(
  p_hold appointments, p_call_id text, p_phone text, p_source text, p_moment timestamptz
) RETURNS text
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN CASE
    WHEN p_hold.id IS NULL THEN 'NOT_FOUND'
    WHEN p_source IS DISTINCT FROM 'staff'
      AND coalesce(p_hold.call_id <> coalesce(p_call_id, ''), p_hold.contact_id IS NOT NULL)
      AND NOT EXISTS (SELECT FROM leads
                      WHERE org_id = p_hold.org_id AND id = p_hold.contact_id AND phone = p_phone)
      THEN 'NOT_YOURS'
    WHEN p_hold.status <> 'held' OR p_hold.hold_expires_at <= p_moment THEN 'HOLD_EXPIRED'
  END;
END $$;
REVOKE ALL ON FUNCTION hold_refusal FROM PUBLIC;
