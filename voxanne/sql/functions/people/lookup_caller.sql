-- Purpose: who is known under the calling number, what they have coming up, and what helps the call:
-- the last visit, the language of their last call, whether the number wants texts. Nothing that belongs
-- to another number, not even of whoever was merged; no search by name: a name only chooses among the
-- number's own people. Never what staff think: no score, no notes, no mood.
-- Outcomes: {"success", "found", "people"}; NEEDS_CONFIRMATION with "needs" when the clinic asks for
--   more before anything is told.
CREATE FUNCTION lookup_caller(
  p_org_id uuid, p_phone text, p_name text DEFAULT NULL, p_birth_date date DEFAULT NULL
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  c_people_max constant integer := 10;
  c_upcoming_max constant integer := 20;
  v_now timestamptz := current_moment();
  v_phone text := normalize_phone(p_phone);
  v_check text;
  v_texts text;     -- 'opt_in', 'opt_out', or NULL: nobody said
  v_people json;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  SELECT caller_check INTO v_check FROM organizations WHERE id = p_org_id;
  IF NOT FOUND THEN
    RETURN refusal('INVALID_ORGANIZATION');
  ELSIF v_phone IS NULL THEN
    RETURN refusal('INVALID_PHONE');
  ELSIF v_check <> 'none' AND coalesce(btrim(p_name), '') = '' THEN
    RETURN refusal('NEEDS_CONFIRMATION', '{"needs": "name"}');
  ELSIF v_check = 'name_and_birth_date' AND p_birth_date IS NULL THEN
    RETURN refusal('NEEDS_CONFIRMATION', '{"needs": "birth_date"}');
  END IF;
  v_texts := (
    SELECT kind FROM consents
    WHERE org_id = p_org_id AND phone IN (v_phone, erased_phone(p_org_id, v_phone))
      AND kind IN ('opt_out', 'opt_in')
    ORDER BY place DESC LIMIT 1);
  SELECT json_agg(json_build_object(
      'lead_id', known.id, 'name', known.name, 'visits', visits, 'no_shows', no_shows,
      'usual_practitioner_id', usual.practitioner_id, 'usual_practitioner', usual.name,
      'last_visit', last.visit, 'language', spoken.language, 'texts', v_texts,
      'upcoming', coalesce(upcoming, '[]'), 'offers', coalesce(offers, '[]')) ORDER BY known.name, known.id)
  INTO v_people
  FROM (
    SELECT * FROM leads
    WHERE org_id = p_org_id AND phone = v_phone
      AND CASE
        WHEN v_check <> 'none' THEN person = person_key(normalize_name(p_name))
        -- Where the name proves nothing it helps to choose, if it is one of theirs.
        ELSE person = person_key(normalize_name(p_name)) OR NOT EXISTS (
          SELECT FROM leads AS named
          WHERE named.org_id = p_org_id AND named.phone = v_phone
            AND named.person = person_key(normalize_name(p_name)))
      END
      AND (v_check <> 'name_and_birth_date' OR birth_date = p_birth_date)
    ORDER BY updated_at DESC LIMIT c_people_max
  ) AS known
  CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE appointments.status = 'completed'
                              OR appointments.status = 'confirmed' AND ends_at <= v_now) AS visits,
      count(*) FILTER (WHERE appointments.status = 'no_show') AS no_shows
    FROM appointments WHERE org_id = p_org_id AND contact_id = known.id
  ) AS history
  LEFT JOIN LATERAL (
    -- Of the last ten visits, the one seen most often, and latest.
    SELECT practitioner_id, practitioners.name
    FROM (
      SELECT practitioner_id, scheduled_at FROM appointments
      WHERE org_id = p_org_id AND contact_id = known.id AND scheduled_at <= v_now
        AND appointments.status IN ('confirmed', 'completed')
      ORDER BY scheduled_at DESC LIMIT 10
    ) AS seen
    JOIN practitioners ON practitioners.org_id = p_org_id AND practitioners.id = practitioner_id
    WHERE active AND NOT implicit
    GROUP BY practitioner_id, practitioners.name
    ORDER BY count(*) DESC, max(scheduled_at) DESC LIMIT 1
  ) AS usual ON true
  LEFT JOIN LATERAL (
    SELECT json_build_object(
      'scheduled_at', scheduled_at, 'service_type', service_type,
      'practitioner_name', CASE WHEN NOT implicit THEN practitioners.name END) AS visit
    FROM appointments
    JOIN practitioners ON practitioners.org_id = p_org_id AND practitioners.id = practitioner_id
    WHERE appointments.org_id = p_org_id AND contact_id = known.id AND scheduled_at <= v_now
      AND (appointments.status = 'completed' OR appointments.status = 'confirmed' AND ends_at <= v_now)
    ORDER BY scheduled_at DESC LIMIT 1
  ) AS last ON true
  LEFT JOIN LATERAL (
    SELECT language FROM calls
    WHERE org_id = p_org_id AND lead_id = known.id AND caller_phone = v_phone AND language IS NOT NULL
    ORDER BY started_at DESC LIMIT 1
  ) AS spoken ON true
  CROSS JOIN LATERAL (
    SELECT json_agg(json_build_object(
      'appointment_id', next.id, 'scheduled_at', scheduled_at, 'ends_at', ends_at,
      'service_type', service_type, 'practitioner_id', practitioner_id,
      'practitioner_name', CASE WHEN NOT implicit THEN practitioners.name END, 'version', version)
      ORDER BY scheduled_at, next.id) AS upcoming
    FROM (
      SELECT * FROM appointments
      WHERE org_id = p_org_id AND contact_id = known.id AND scheduled_at > v_now
        AND appointments.status = 'confirmed'
      ORDER BY scheduled_at LIMIT c_upcoming_max
    ) AS next
    JOIN practitioners ON practitioners.org_id = p_org_id AND practitioners.id = practitioner_id
  ) AS ahead
  CROSS JOIN LATERAL (
    SELECT json_agg(json_build_object(
      'waitlist_id', waitlist.id, 'scheduled_at', held.scheduled_at, 'expires_at', held.hold_expires_at,
      'service_type', held.service_type, 'hold_id', held.id,
      'practitioner_name', CASE WHEN NOT implicit THEN practitioners.name END)
      ORDER BY held.scheduled_at) AS offers
    FROM waitlist
    JOIN appointments AS held ON held.org_id = p_org_id AND held.id = held_appointment_id
    JOIN practitioners ON practitioners.org_id = p_org_id AND practitioners.id = held.practitioner_id
    WHERE waitlist.org_id = p_org_id AND waitlist.contact_id = known.id AND held.status = 'held'
      AND held.hold_expires_at > v_now
  ) AS offered;
  RETURN json_build_object('success', true, 'found', v_people IS NOT NULL,
                           'people', coalesce(v_people, '[]'));
END $$;
REVOKE ALL ON FUNCTION lookup_caller FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lookup_caller TO voxanne_api;
