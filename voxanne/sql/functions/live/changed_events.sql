-- Purpose: what happened in the clinics that are watched, after the last event each watcher has seen, for
--   a page to know what to fetch anew: ids, and the clinic's days it is about; no event's own data.
-- p_places: [{"org_id", "transaction", "id"}]. A place without a transaction, or of one that is yet to
--   come (restored into a fresh cluster, which counts its transactions anew), is answered with the place
--   that is now: what commits from now on lies after it.
-- Guarantees: no event is left out, however late its transaction commits: only what lies below every
--   transaction still open is read, in the log's order. At most 100 events of each clinic at once.
-- Outcomes: [{"org_id", "transaction", "id", "kind", "appointment_id", "lead_id", "call_id", "days"}],
--   each clinic's in the log's order; of a place that is now with the first three alone.
CREATE FUNCTION changed_events(p_places json) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  c_events_max constant integer := 100;
  v_snapshot constant pg_snapshot := pg_current_snapshot();
BEGIN
  IF coalesce(current_setting('request.jwt.claims', true), '') <> '' THEN
    RETURN '[]';   -- a tenant's session has no business with the others
  END IF;
  RETURN (
    WITH places AS (
      SELECT place.org_id, place.transaction::xid8 AS transaction_id, place.id,
        coalesce(place.transaction::xid8 > pg_snapshot_xmax(v_snapshot), true) AS is_new
      FROM json_to_recordset(p_places) AS place(org_id uuid, transaction text, id bigint)
    ), happened AS (
      SELECT found.*, organizations.timezone
      FROM places
      JOIN organizations ON organizations.id = places.org_id
      CROSS JOIN LATERAL (
        SELECT * FROM events
        WHERE events.org_id = places.org_id
          AND (events.transaction_id, events.id) > (places.transaction_id, places.id)
          AND events.transaction_id < pg_snapshot_xmin(v_snapshot)
        ORDER BY events.transaction_id, events.id
        LIMIT c_events_max) AS found
      WHERE NOT places.is_new
    ), told AS (
      SELECT org_id, pg_snapshot_xmin(v_snapshot) AS transaction_id, 0 AS id, NULL::jsonb AS facts
      FROM places WHERE is_new
      UNION ALL
      SELECT happened.org_id, happened.transaction_id, happened.id, jsonb_build_object(
        'kind', happened.kind, 'appointment_id', happened.appointment_id,
        'lead_id', happened.lead_id, 'call_id', happened.call_id,
        'days', (
          -- Where it is now, and where a move found it and left it.
          SELECT coalesce(jsonb_agg(DISTINCT (instant AT TIME ZONE happened.timezone)::date), '[]')
          FROM (
            SELECT unnest(ARRAY[scheduled_at, greatest(scheduled_at, ends_at - interval '1 microsecond')])
            FROM appointments
            WHERE appointments.org_id = happened.org_id AND appointments.id = happened.appointment_id
            UNION ALL
            SELECT moment::timestamptz
            FROM unnest(ARRAY[happened.data ->> 'from', happened.data ->> 'to']) AS moment
            WHERE happened.kind = 'moved' AND moment IS NOT NULL
          ) AS about(instant)))
      FROM happened
    )
    SELECT coalesce(jsonb_agg(
      jsonb_build_object('org_id', org_id, 'transaction', transaction_id::text::numeric, 'id', id)
        || coalesce(facts, '{}')
      ORDER BY org_id, transaction_id, id), '[]')
    FROM told);
END $$;
REVOKE ALL ON FUNCTION changed_events FROM PUBLIC;
GRANT EXECUTE ON FUNCTION changed_events TO voxanne_api;
