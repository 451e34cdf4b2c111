-- Purpose: a person's appointments with their history and deliveries, wishes, merges and scores, as the
--   export has them.
CREATE FUNCTION exported_diary(p_org_id uuid, p_leads uuid[], p_appointments uuid[]) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN jsonb_build_object(
    'appointments', (
      SELECT coalesce(jsonb_agg(
        appointment_document(booked)
        || jsonb_build_object(
          'cancel_reason', metadata ->> 'cancel_reason',
          'history', (
            SELECT coalesce(jsonb_agg(
              jsonb_build_object('kind', kind, 'data', data, 'call_id', events.call_id, 'at', events.created_at)
              ORDER BY transaction_id, events.id), '[]')
            FROM events
            WHERE events.org_id = p_org_id AND appointment_id = booked.id AND kind <> 'booked'),
          'deliveries', (
            SELECT coalesce(jsonb_agg(delivery_document(deliveries) - 'subject_id'
                                      ORDER BY deliveries.created_at, kind), '[]')
            FROM deliveries WHERE deliveries.org_id = p_org_id AND subject_id = booked.id))
        ORDER BY scheduled_at, booked.id), '[]')
      FROM appointments AS booked WHERE booked.org_id = p_org_id AND booked.id = ANY (p_appointments)),
    'waitlist', (
      SELECT coalesce(jsonb_agg(
        to_jsonb(waitlist) - 'org_id' || jsonb_build_object('offers', (
          SELECT coalesce(jsonb_agg(to_jsonb(offer) - '{org_id,waitlist_id}'::text[] ORDER BY offer.created_at), '[]')
          FROM waitlist_offers AS offer WHERE offer.org_id = p_org_id AND waitlist_id = waitlist.id))
        ORDER BY waitlist.created_at, waitlist.id), '[]')
      FROM waitlist WHERE waitlist.org_id = p_org_id AND contact_id = ANY (p_leads)),
    'changes', (
      SELECT coalesce(jsonb_agg(to_jsonb(lead_changes) - 'org_id' ORDER BY created_at, id), '[]')
      FROM lead_changes
      WHERE org_id = p_org_id AND (lead_id = ANY (p_leads) OR other_id = ANY (p_leads))),
    'scores', (
      SELECT coalesce(jsonb_agg(to_jsonb(lead_scores) - 'org_id' ORDER BY lead_id), '[]')
      FROM lead_scores WHERE org_id = p_org_id AND lead_id = ANY (p_leads)));
END $$;
REVOKE ALL ON FUNCTION exported_diary FROM PUBLIC;
