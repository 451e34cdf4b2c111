-- Purpose: whom events are about, each by the lead that is kept: themselves, or the appointment's, the
-- call's, the message's or the text's. An event of a consent holds no number; its moment is the consent's.
CREATE FUNCTION leads_of_events(p_org_id uuid, p_events events[]) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN QUERY
  WITH told AS (
    SELECT * FROM unnest(p_events)
  ), named AS (
    SELECT lead_id AS id FROM told
    UNION
    SELECT (data ->> 'other_id')::uuid FROM told WHERE kind LIKE 'lead\_%'
    UNION
    SELECT contact_id FROM told JOIN appointments ON appointments.org_id = p_org_id AND appointments.id = appointment_id
    WHERE lead_id IS NULL
    UNION
    SELECT calls.lead_id FROM told JOIN calls ON calls.org_id = p_org_id AND calls.call_id = told.call_id
    WHERE told.lead_id IS NULL
  ), numbers AS (
    SELECT unnest(ARRAY[caller_phone, callback_phone]) AS phone
    FROM told JOIN messages ON messages.org_id = p_org_id AND messages.id = (data ->> 'message_id')::uuid
    UNION
    SELECT their_number FROM told JOIN texts ON texts.org_id = p_org_id AND texts.id = (data ->> 'text_id')::uuid
    UNION
    SELECT said.phone FROM told CROSS JOIN LATERAL (
      SELECT phone FROM consents
      WHERE org_id = p_org_id AND consents.created_at = told.created_at AND told.kind = 'text_' || consents.kind
      OFFSET 0   -- each by its moment, never all of the clinic's
    ) AS said
    WHERE told.kind IN ('text_opt_in', 'text_opt_out')
  ), about AS (
    SELECT id FROM named
    UNION
    SELECT leads.id FROM numbers JOIN leads ON leads.org_id = p_org_id AND leads.phone = numbers.phone
  )
  SELECT DISTINCT coalesce(merged_into, leads.id)
  FROM about JOIN leads ON leads.org_id = p_org_id AND leads.id = about.id;
END $$;
REVOKE ALL ON FUNCTION leads_of_events FROM PUBLIC;
