-- Purpose: a time became free: the first who waits for it gets it held and is told. Nobody is offered
-- the same time with the same practitioner twice. In the clinic's quiet hours they are told when these
-- end, and the offer lasts from then; what begins before that is offered to nobody.
-- Called under the locks of lock_diary, for the practitioner and the rooms of p_freed, which doesn't
-- keep its time any more.
-- Outcomes: the waitlist entry that was offered it, or NULL.
CREATE FUNCTION offer_freed_time(p_freed appointments, p_moment timestamptz) RETURNS uuid
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  c_entries_looked_at_max constant integer := 200;
  v_timezone text;
  v_offer interval;
  v_freed_from timestamp;               -- wall time
  v_freed_until timestamp;
  v_entry waitlist;
  v_lead leads;
  v_rules clinic_rules;
  v_start timestamptz;
  v_wanted appointments;
  v_held json;
  v_told_at timestamptz := coalesce(quiet_end(p_freed.org_id, p_moment), p_moment);
BEGIN
  SELECT timezone, make_interval(mins => offer_minutes) INTO v_timezone, v_offer
  FROM organizations WHERE id = p_freed.org_id;
  IF p_freed.ends_at <= v_told_at OR NOT EXISTS (
      SELECT FROM waitlist WHERE org_id = p_freed.org_id AND status = 'waiting') THEN
    RETURN NULL;
  END IF;
  v_freed_from := lower(p_freed.blocked) AT TIME ZONE v_timezone;
  v_freed_until := upper(p_freed.blocked) AT TIME ZONE v_timezone;
  FOR v_entry IN
    SELECT * FROM waitlist
    WHERE org_id = p_freed.org_id AND status = 'waiting'
      AND contact_id IS DISTINCT FROM p_freed.contact_id   -- who just gave it up
      AND coalesce(practitioner_id, p_freed.practitioner_id) = p_freed.practitioner_id
      AND date_from <= (p_freed.ends_at AT TIME ZONE v_timezone)::date
      AND date_to >= (p_freed.scheduled_at AT TIME ZONE v_timezone)::date
      -- On one day the hours they wish for must meet the freed ones.
      AND (date_trunc('day', v_freed_from) < date_trunc('day', v_freed_until)
           OR time_from < v_freed_until::time AND time_until > v_freed_from::time)
      AND NOT EXISTS (
        SELECT FROM waitlist_offers
        WHERE org_id = p_freed.org_id AND waitlist_id = waitlist.id
          AND practitioner_id = p_freed.practitioner_id AND p_freed.blocked @> scheduled_at)
    ORDER BY created_at, id
    LIMIT c_entries_looked_at_max
    FOR UPDATE SKIP LOCKED
  LOOP
    v_rules := find_rules(p_freed.org_id, v_entry.service_type, NULL);
    CONTINUE WHEN v_rules.service_type IS NULL OR p_freed.practitioner_id <> ALL (v_rules.practitioners);
    -- The freed start itself if it can be, else the first of the grid inside the freed time.
    SELECT start INTO v_start
    FROM free_starts(
        p_freed.org_id, v_rules, ARRAY[p_freed.practitioner_id],
        day_parts(lower(p_freed.blocked), upper(p_freed.blocked), v_timezone, v_entry.time_from, v_entry.time_until)
          * tstzmultirange(tstzrange(v_entry.date_from::timestamp AT TIME ZONE v_timezone,
                                     (v_entry.date_to + 1)::timestamp AT TIME ZONE v_timezone)),
        p_moment, NULL, NULL, NULL) AS free
    CROSS JOIN LATERAL (
      SELECT p_freed.scheduled_at AS start WHERE starts @> p_freed.scheduled_at
      UNION ALL
      SELECT grid_starts(starts, v_timezone, v_rules.slot)
    ) AS possible
    WHERE (start = p_freed.scheduled_at OR start + v_rules.duration <= upper(p_freed.blocked))
      AND is_in_part(start, v_timezone, v_entry.time_from, v_entry.time_until)
    ORDER BY start <> p_freed.scheduled_at, start LIMIT 1;
    CONTINUE WHEN v_start IS NULL OR v_start <= v_told_at;
    SELECT * INTO v_lead FROM leads WHERE org_id = p_freed.org_id AND id = v_entry.contact_id;
    -- Nobody is offered what they may not book.
    CONTINUE WHEN (find_booked(p_freed.org_id, NULL, NULL, v_lead.phone, NULL, NULL, p_moment,
                               p_moment)).r_upcoming >= v_rules.upcoming_max;
    v_wanted.org_id := p_freed.org_id;
    v_wanted.status := 'held';
    v_wanted.hold_expires_at := least(v_told_at + v_offer, v_start);
    v_wanted.service_type := v_rules.service_type;
    v_wanted.scheduled_at := v_start;
    v_wanted.ends_at := v_start + v_rules.duration;
    v_wanted.blocked_from := v_start - v_rules.buffer_before;
    v_wanted.blocked_until := v_wanted.ends_at + v_rules.buffer_after;
    v_wanted.source := 'waitlist';
    v_held := place_appointment(v_rules, v_wanted, v_lead, ARRAY[p_freed.practitioner_id], false,
                                false, NULL, NULL, p_moment);
    CONTINUE WHEN v_held ->> 'error' IS NOT NULL;
    UPDATE waitlist
    SET status = 'offered', held_appointment_id = (v_held ->> 'hold_id')::uuid,
      version = version + 1, updated_at = p_moment
    WHERE org_id = v_entry.org_id AND id = v_entry.id;
    INSERT INTO waitlist_offers (org_id, waitlist_id, appointment_id, practitioner_id, scheduled_at, created_at)
    VALUES (v_entry.org_id, v_entry.id, (v_held ->> 'hold_id')::uuid, p_freed.practitioner_id, v_start, p_moment);
    INSERT INTO deliveries (org_id, subject_id, kind, version, due_at, lapses_at, created_at, updated_at)
    VALUES (v_entry.org_id, (v_held ->> 'hold_id')::uuid, 'sms_waitlist_offer', 1, v_told_at,
            v_wanted.hold_expires_at, p_moment, p_moment);
    INSERT INTO events (org_id, kind, appointment_id, lead_id, data, created_at)
    VALUES (v_entry.org_id, 'waitlist_offered', (v_held ->> 'hold_id')::uuid, v_entry.contact_id,
            jsonb_build_object('waitlist_id', v_entry.id), p_moment);
    RETURN v_entry.id;
  END LOOP;
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION offer_freed_time FROM PUBLIC;
