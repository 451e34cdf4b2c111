-- Purpose: counts an attempt to sign in, or says that there were too many: 10 for an e-mail address
--   and 100 from a network address within 15 minutes, whether the account exists or not.
-- Guarantees: attempts at once are counted one after the other; a refused one isn't counted, so that
--   who goes on trying doesn't keep the person out for longer.
-- Lock order: the e-mail address, the network address.
-- Outcomes: {"allowed": true}, or {"allowed": false, "retry_after": seconds}. NULL for a tenant's session.
CREATE FUNCTION note_sign_in_attempt(p_email_hash bytea, p_address_hash bytea) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  c_window constant interval := '15 minutes';
  c_email_max constant integer := 10;
  c_address_max constant integer := 100;
  v_now timestamptz;
  v_subject record;
  v_counted record;
BEGIN
  IF coalesce(current_setting('request.jwt.claims', true), '') <> '' THEN
    RETURN NULL;   -- a tenant's session has no business with accounts
  END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended('sign-in e-mail ' || encode(p_email_hash, 'hex'), 0));
  PERFORM pg_advisory_xact_lock(hashtextextended('sign-in address ' || encode(p_address_hash, 'hex'), 0));
  v_now := current_moment();
  FOR v_subject IN
    SELECT hash, attempts_max
    FROM (VALUES (p_email_hash, c_email_max), (p_address_hash, c_address_max)) AS limits (hash, attempts_max)
  LOOP
    SELECT sum(attempts) AS attempts, min(window_at) AS first_at INTO v_counted
    FROM sign_in_attempts
    WHERE subject_hash = v_subject.hash AND window_at > v_now - c_window;
    IF v_counted.attempts >= v_subject.attempts_max THEN
      RETURN json_build_object('allowed', false, 'retry_after',
        greatest(ceil(extract(epoch FROM v_counted.first_at + c_window - v_now)), 1)::integer);
    END IF;
  END LOOP;
  INSERT INTO sign_in_attempts (subject_hash, window_at)
  VALUES (p_email_hash, date_trunc('minute', v_now)), (p_address_hash, date_trunc('minute', v_now))
  ON CONFLICT (subject_hash, window_at) DO UPDATE SET attempts = sign_in_attempts.attempts + 1;
  RETURN json_build_object('allowed', true);
END $$;
REVOKE ALL ON FUNCTION note_sign_in_attempt FROM PUBLIC;
GRANT EXECUTE ON FUNCTION note_sign_in_attempt TO voxanne_api;
