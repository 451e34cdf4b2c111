-- Purpose: the queue. Takes the locks of whoever decides about the same caller, key, practitioners
-- or rooms, until the transaction ends. Locks are for a quick and friendly answer; the exclusion
-- constraints are the guarantee.
-- Lock order, always: caller, idempotency key, practitioners by id, the clinic's rooms.
-- Outcomes: true: all are held. Without p_wait, false as soon as one is held by another session;
-- those taken so far stay, and a second call with p_wait goes on in the same order.
CREATE FUNCTION lock_diary(
  p_org_id uuid, p_phone text, p_idempotency_key text, p_practitioners uuid[], p_rooms boolean,
  p_wait boolean
) RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  -- Seeds keep the four kinds apart.
  c_caller constant bigint := 1;
  c_key constant bigint := 2;
  c_practitioner constant bigint := 3;
  c_rooms constant bigint := 4;
  v_org text := p_org_id::text;
  v_locks bigint[] := ARRAY[hashtextextended(v_org || p_phone, c_caller)];
  v_practitioner uuid;
  v_lock bigint;
BEGIN
  IF p_idempotency_key IS NOT NULL THEN
    v_locks := v_locks || hashtextextended(v_org || p_idempotency_key, c_key);
  END IF;
  FOREACH v_practitioner IN ARRAY p_practitioners LOOP
    v_locks := v_locks || hashtextextended(v_org || v_practitioner::text, c_practitioner);
  END LOOP;
  IF p_rooms THEN
    v_locks := v_locks || hashtextextended(v_org, c_rooms);
  END IF;
  FOREACH v_lock IN ARRAY v_locks LOOP
    IF p_wait THEN
      PERFORM pg_advisory_xact_lock(v_lock);
    ELSIF NOT pg_try_advisory_xact_lock(v_lock) THEN
      RETURN false;
    END IF;
  END LOOP;
  RETURN true;
END $$;
REVOKE ALL ON FUNCTION lock_diary FROM PUBLIC;
