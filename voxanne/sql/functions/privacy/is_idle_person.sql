-- Purpose: has nothing happened with a person since then, and is nothing upcoming? Of everybody of the
--   group. On a number that several share the others' calls, texts and messages count too: rather kept too
--   long. A message that the front desk hasn't dealt with counts however old it is.
CREATE FUNCTION is_idle_person(p_org_id uuid, p_lead_id uuid, p_since timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  v_leads uuid[] := lead_group(p_org_id, p_lead_id);
  v_phones text[];
  v_idle boolean;
BEGIN
  SELECT array_agg(DISTINCT phone), bool_and(updated_at < p_since) INTO v_phones, v_idle
  FROM leads WHERE org_id = p_org_id AND id = ANY (v_leads);
  RETURN v_idle
    AND NOT EXISTS (SELECT FROM appointments
                    WHERE org_id = p_org_id AND contact_id = ANY (v_leads) AND scheduled_at >= p_since)
    AND NOT EXISTS (SELECT FROM calls
                    WHERE org_id = p_org_id AND lead_id = ANY (v_leads) AND started_at >= p_since)
    AND NOT EXISTS (SELECT FROM calls
                    WHERE org_id = p_org_id AND caller_phone = ANY (v_phones) AND started_at >= p_since)
    AND NOT EXISTS (SELECT FROM texts
                    WHERE org_id = p_org_id AND their_number = ANY (v_phones) AND created_at >= p_since)
    AND NOT EXISTS (SELECT FROM messages
                    WHERE org_id = p_org_id AND caller_phone = ANY (v_phones)
                      AND (status = 'new' OR created_at >= p_since))
    AND NOT EXISTS (SELECT FROM messages
                    WHERE org_id = p_org_id AND callback_phone = ANY (v_phones)
                      AND (status = 'new' OR created_at >= p_since))
    AND NOT EXISTS (SELECT FROM waitlist
                    WHERE org_id = p_org_id AND contact_id = ANY (v_leads)
                      AND status IN ('waiting', 'offered') AND date_to >= p_since::date)
    AND NOT EXISTS (SELECT FROM notes
                    WHERE org_id = p_org_id AND lead_id = ANY (v_leads) AND created_at >= p_since);
END $$;
REVOKE ALL ON FUNCTION is_idle_person FROM PUBLIC;
