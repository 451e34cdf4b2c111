-- Purpose: what counts for a lead's score, whatever its weight: of all who are one person (lead_group).
-- Cost: a handful of index probes; of a long history the newest part is read.
-- Outcomes: {"facts": [{"reason", "params"}], "due_at": when time alone changes them, or null}.
CREATE FUNCTION score_facts(p_org_id uuid, p_leads uuid[], p_moment timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  c_rows_max constant integer := 200;            -- of appointments, calls and texts, the newest
  c_asked constant interval := '365 days';
  c_urgent constant interval := '14 days';
  c_mood constant interval := '90 days';
  c_recent constant interval := '30 days';
  c_quiet constant interval := '180 days';
  c_regular constant integer := 3;               -- visits
  v_phones text[];
  v_people text[];
  v_has_email boolean;
  v_first_seen timestamptz;
  v_diary record;
  v_calls record;
  v_urgent record;
  v_texts record;
  v_consent text;
  v_waits boolean;
  v_services jsonb;
  v_forgotten_at timestamptz;                    -- the first of the services
  v_touched timestamptz;
BEGIN
  SELECT array_agg(DISTINCT phone), array_agg(DISTINCT person), bool_or(email IS NOT NULL), max(created_at)
  INTO v_phones, v_people, v_has_email, v_first_seen
  FROM leads WHERE org_id = p_org_id AND id = ANY (p_leads);

  WITH diary AS (
    SELECT *, status = 'completed' OR status = 'confirmed' AND ends_at <= p_moment AS visited,
      status = 'confirmed' AND scheduled_at > p_moment AS upcoming
    FROM appointments WHERE org_id = p_org_id AND contact_id = ANY (p_leads)
    ORDER BY scheduled_at DESC LIMIT c_rows_max
  )
  SELECT count(*) FILTER (WHERE visited) AS visits,
    count(*) FILTER (WHERE status = 'no_show') AS no_shows,
    -- What the clinic called off is not held against them.
    count(*) FILTER (WHERE status = 'cancelled' AND NOT EXISTS (
      SELECT FROM events
      WHERE org_id = p_org_id AND appointment_id = diary.id AND kind = 'cancelled' AND kind <> 'booked'
        AND data ->> 'source' IN ('staff', 'calendar'))) AS cancelled,
    coalesce(bool_or(upcoming), false) AS upcoming,
    coalesce(bool_or(upcoming AND patient_confirmed_at IS NOT NULL), false) AS confirmed,
    greatest(max(created_at), max(scheduled_at) FILTER (WHERE visited)) AS touched,
    min(CASE WHEN upcoming THEN scheduled_at ELSE ends_at END)
      FILTER (WHERE status = 'confirmed' AND ends_at > p_moment) AS passes_at
  INTO v_diary FROM diary;

  WITH spoken AS (
    SELECT * FROM calls WHERE org_id = p_org_id AND lead_id = ANY (p_leads)
    ORDER BY started_at DESC LIMIT c_rows_max
  )
  SELECT max(started_at) AS touched,
    (array_agg(sentiment ORDER BY started_at DESC)
      FILTER (WHERE sentiment IS NOT NULL AND started_at > p_moment - c_mood))[1] AS sentiment,
    max(started_at) FILTER (WHERE sentiment IS NOT NULL) AS felt_at
  INTO v_calls FROM spoken;

  SELECT max(at) AS touched,
    -- What is only urgent counts when the emergency is past.
    coalesce(max(at) FILTER (WHERE urgency = 'emergency'), max(at) FILTER (WHERE urgency = 'high')) AS urgent_at,
    coalesce(bool_or(urgency = 'emergency'), false) AS emergency,
    coalesce(bool_or(urgency = 'high'), false) AS urgent
  INTO v_urgent
  FROM (
    SELECT started_at AS at, urgency FROM calls
    WHERE org_id = p_org_id AND lead_id = ANY (p_leads) AND started_at > p_moment - c_urgent
    UNION ALL
    SELECT created_at, urgency FROM messages
    WHERE org_id = p_org_id AND created_at > p_moment - c_urgent
      AND (caller_phone = ANY (v_phones) OR callback_phone = ANY (v_phones))
      AND (name IS NULL OR person_key(name) = ANY (v_people))
  ) AS said;

  SELECT coalesce(bool_or(direction = 'in' OR status = 'delivered'), false) AS reachable,
    max(created_at) FILTER (WHERE direction = 'in') AS touched
  INTO v_texts
  FROM (
    SELECT * FROM texts WHERE org_id = p_org_id AND their_number = ANY (v_phones)
    ORDER BY place DESC LIMIT c_rows_max
  ) AS newest;
  v_consent := (
    SELECT newest.kind FROM unnest(v_phones) AS number
    CROSS JOIN LATERAL (
      SELECT kind, place FROM consents
      WHERE org_id = p_org_id AND phone IN (number, erased_phone(p_org_id, number))
        AND kind IN ('opt_out', 'opt_in')
      ORDER BY place DESC LIMIT 1
    ) AS newest
    ORDER BY newest.place DESC LIMIT 1);
  v_waits := EXISTS (
    SELECT FROM waitlist
    WHERE org_id = p_org_id AND contact_id = ANY (p_leads) AND status IN ('waiting', 'offered'));

  SELECT coalesce(jsonb_agg(jsonb_build_object('reason', 'service', 'params',
      jsonb_build_object('key', asked.key, 'name', coalesce(services.name, asked.key))) ORDER BY asked.key), '[]'),
    min(last_at) + c_asked
  INTO v_services, v_forgotten_at
  FROM (
    SELECT key, max(at) AS last_at FROM services_asked_for(p_org_id, p_leads, p_moment - c_asked) AS asked_for
    GROUP BY key
  ) AS asked
  LEFT JOIN services ON services.org_id = p_org_id AND services.key = asked.key;

  v_touched := greatest(v_first_seen, v_diary.touched, v_calls.touched, v_urgent.touched, v_texts.touched);
  RETURN jsonb_build_object(
    'facts', v_services || (
      SELECT jsonb_agg(jsonb_build_object('reason', reason, 'params', params) ORDER BY place)
      FROM (VALUES
        (1, true, 'start', '{}'::jsonb),
        (2, v_diary.upcoming, 'upcoming', '{}'),
        (3, v_diary.confirmed, 'confirmed', '{}'),
        (4, v_waits, 'waiting', '{}'),
        (5, v_urgent.emergency, 'emergency', '{}'),
        (6, v_urgent.urgent AND NOT v_urgent.emergency, 'urgent', '{}'),
        (7, v_calls.sentiment = 'positive', 'positive', '{}'),
        (8, v_calls.sentiment = 'negative', 'negative', '{}'),
        (9, v_diary.visits > 0, 'visited', '{}'),
        (10, v_diary.visits >= c_regular, 'regular', jsonb_build_object('visits', v_diary.visits)),
        (11, v_diary.no_shows > 0, 'no_show', jsonb_build_object('times', v_diary.no_shows)),
        (12, v_diary.cancelled > 0, 'cancelled', jsonb_build_object('times', v_diary.cancelled)),
        (13, v_touched > p_moment - c_recent, 'recent', '{}'),
        (14, v_touched <= p_moment - c_quiet AND NOT v_diary.upcoming, 'quiet', '{}'),
        (15, v_consent = 'opt_in', 'texts_wanted', '{}'),
        (16, v_consent = 'opt_out', 'texts_refused', '{}'),
        (17, v_texts.reachable, 'reachable', '{}'),
        (18, v_has_email, 'email', '{}')
      ) AS facts (place, holds, reason, params)
      WHERE holds),
    'due_at', least(
      v_diary.passes_at, v_forgotten_at, v_urgent.urgent_at + c_urgent,
      CASE WHEN v_calls.sentiment IS NOT NULL THEN v_calls.felt_at + c_mood END,
      CASE WHEN v_touched > p_moment - c_recent THEN v_touched + c_recent
        WHEN v_touched > p_moment - c_quiet THEN v_touched + c_quiet END));
END $$;
REVOKE ALL ON FUNCTION score_facts FROM PUBLIC;
