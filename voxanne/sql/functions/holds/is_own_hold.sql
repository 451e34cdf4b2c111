-- Purpose: is a hold the caller's own: the one that was named, one of the same call, or one that was
-- offered from the waitlist to the caller's number?
CREATE FUNCTION is_own_hold(p_held appointments, p_hold_id uuid, p_call_id text, p_phone text)
RETURNS boolean
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN p_held.status = 'held' AND (
    coalesce(p_held.id = p_hold_id, false) OR coalesce(p_held.call_id = p_call_id, false)
    OR EXISTS (SELECT FROM leads
               WHERE org_id = p_held.org_id AND id = p_held.contact_id AND phone = p_phone));
END $$;
REVOKE ALL ON FUNCTION is_own_hold FROM PUBLIC;
