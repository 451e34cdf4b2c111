-- Purpose: who is open and free then? The first practitioner, with the first room, for whom it can be
-- stored has it. For a new appointment, a hold and a move alike, so that all obey the same rules.
-- Called under the locks of lock_diary.
-- p_wanted: status 'held': a hold; with an id: that appointment moves; else a booking for p_lead.
-- Outcomes: the stored one's result; or {"error"}: SLOT_UNAVAILABLE; OUTSIDE_HOURS when nobody is open;
-- CALENDAR_STALE when somebody would be free, but their calendar wasn't read for too long and the
-- clinic wants to be asked then.
CREATE FUNCTION place_appointment(
  p_rules clinic_rules, p_wanted appointments, p_lead leads, p_candidates uuid[],
  p_anytime boolean,                    -- hours don't matter: an existing diary is taken over
  p_allow_overlap boolean, p_overlap_reason text, p_hold_id uuid, p_moment timestamptz
) RETURNS json
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  v_wanted appointments := p_wanted;
  v_candidates uuid[] := p_candidates;
  v_rooms uuid[] := coalesce(p_rules.rooms, ARRAY[NULL]::uuid[]);
  v_blocked tstzrange := tstzrange(p_wanted.blocked_from, p_wanted.blocked_until);
  v_practitioner uuid;
  v_name text;
  v_room uuid;
  v_overbook boolean;
  v_taken boolean;
  v_span tstzrange := tstzrange(p_wanted.scheduled_at, p_wanted.ends_at);
  v_open tstzmultirange;
  v_busy tstzmultirange := '{}';        -- by their own calendar
  v_blind boolean := false;
  v_any_open boolean := false;
  v_result json;
BEGIN
  IF cardinality(v_candidates) > 1 THEN
    v_candidates := rank_practitioners(p_wanted.org_id, v_candidates, p_rules.timezone,
                                       p_wanted.scheduled_at, p_moment);
  END IF;
  -- Staff may overbook, but nobody is while another is free: that is the second round.
  FOREACH v_overbook IN ARRAY CASE WHEN p_allow_overlap THEN '{f,t}' ELSE '{f}' END::boolean[] LOOP
    FOREACH v_practitioner IN ARRAY v_candidates LOOP
      IF p_rules.keeps_hours AND NOT p_anytime THEN
        SELECT r_hours - r_breaks - r_absences, r_busy INTO v_open, v_busy
        FROM open_spans(p_wanted.org_id, ARRAY[v_practitioner], p_rules.timezone,
                        (p_wanted.scheduled_at AT TIME ZONE p_rules.timezone)::date,
                        (p_wanted.ends_at AT TIME ZONE p_rules.timezone)::date);
        CONTINUE WHEN NOT v_open @> v_span;
      END IF;
      v_any_open := true;
      v_name := p_rules.names[array_position(p_rules.practitioners, v_practitioner)];
      FOREACH v_room IN ARRAY v_rooms LOOP
        v_taken := slot_taken(p_wanted.org_id, v_practitioner, v_room, v_blocked, p_moment,
                              p_hold_id, p_wanted.call_id, p_lead.phone, p_wanted.id);
        CONTINUE WHEN v_taken AND NOT v_overbook;
        IF v_busy && v_span AND NOT v_overbook THEN
          v_blind := v_blind OR lower_inf(v_busy);
          CONTINUE;
        END IF;
        v_wanted.practitioner_id := v_practitioner;
        v_wanted.room_id := v_room;
        v_wanted.overlap_allowed := v_taken IS TRUE;
        IF v_taken OR v_busy && v_span THEN
          v_wanted.metadata := p_wanted.metadata
            || jsonb_build_object('overlap_reason', p_overlap_reason);
        END IF;
        v_result := CASE
          WHEN v_wanted.status = 'held'
            THEN store_hold(v_wanted, p_lead, v_name, v_taken IS FALSE, p_moment)
          WHEN v_wanted.id IS NOT NULL
            THEN store_move(v_wanted, p_lead, v_name, v_taken IS FALSE, p_moment)
          ELSE store_appointment(v_wanted, p_lead, v_name, v_taken IS FALSE, p_hold_id, p_moment)
        END;
        IF v_result IS NOT NULL THEN
          RETURN v_result;
        END IF;
      END LOOP;
    END LOOP;
  END LOOP;
  RETURN json_build_object('error', CASE
    WHEN NOT v_any_open THEN 'OUTSIDE_HOURS'
    WHEN v_blind AND EXISTS (
      SELECT FROM organizations WHERE id = p_wanted.org_id AND calendar_stale = 'ask') THEN 'CALENDAR_STALE'
    ELSE 'SLOT_UNAVAILABLE' END);
END $$;
REVOKE ALL ON FUNCTION place_appointment FROM PUBLIC;
