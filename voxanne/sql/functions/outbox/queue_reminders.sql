-- Purpose: the reminders that are due by now. Their rows are made when their time has come, so that
--   booking writes none.
-- Guarantees: one per appointment, reminder and version; none for a time after which it was booked or
--   moved: who books for tomorrow needs no reminder of a day ahead; none that is too late: half of its
--   time has passed, or the next one's has come.
-- Lock order: the appointments' rows, shared, skipping those that are being changed: whoever changes
--   one afterwards finds its reminder and voids it.
-- Outcomes: how many were queued.
CREATE FUNCTION queue_reminders(p_org_id uuid) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  c_queued_max constant integer := 1000;
  v_now timestamptz := current_moment();
  v_queued integer;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN 0;
  END IF;
  INSERT INTO deliveries (org_id, subject_id, kind, version, due_at, lapses_at, created_at, updated_at)
  SELECT p_org_id, booked.id, 'sms_reminder_' || hours || 'h', booked.version, v_now, lapses_at, v_now, v_now
  FROM due_reminders(p_org_id, v_now) AS due
  JOIN appointments AS booked ON booked.org_id = p_org_id AND booked.id = due.appointment_id
    AND booked.version = due.version AND booked.status = 'confirmed'
  LIMIT c_queued_max
  FOR SHARE OF booked SKIP LOCKED
  ON CONFLICT DO NOTHING;
  GET DIAGNOSTICS v_queued = ROW_COUNT;
  RETURN v_queued;
END $$;
REVOKE ALL ON FUNCTION queue_reminders FROM PUBLIC;
GRANT EXECUTE ON FUNCTION queue_reminders TO voxanne_api;
