-- Purpose: puts a caller on the list of those who are told when something becomes free.
-- Guarantees: the same wish twice is one entry.
-- Outcomes: {"success", "waitlist_id", "position", …}; or a refusal: INVALID_NAME, INVALID_PHONE,
--   INVALID_DATE, UNKNOWN_SERVICE, UNKNOWN_PRACTITIONER, LIMIT_REACHED.
CREATE FUNCTION join_waitlist(
  p_org_id uuid,
  p_name text,
  p_phone text,
  p_service_type text,
  p_practitioner_id uuid DEFAULT NULL,       -- NULL: anybody
  p_date_from date DEFAULT NULL,             -- the clinic's local days; NULL: from today …
  p_date_to date DEFAULT NULL,               -- … for four weeks
  p_time_from time DEFAULT '00:00',
  p_time_until time DEFAULT '24:00',
  p_phone_verified boolean DEFAULT false,
  p_call_id text DEFAULT NULL,
  p_idempotency_key text DEFAULT NULL,
  p_request_hash text DEFAULT NULL,
  p_source text DEFAULT 'sql'
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  c_entries_per_phone_max constant integer := 5;
  c_entries_max constant integer := 10000;
  c_days_default constant integer := 28;
  c_days_max constant integer := 366;
  v_rules clinic_rules;
  v_name text := normalize_name(p_name);
  v_phone text := normalize_phone(p_phone);
  v_hash text := coalesce(p_request_hash, md5(jsonb_build_array(
    'join_waitlist', p_name, p_phone, p_service_type, p_practitioner_id, p_date_from,
    p_date_to, p_time_from, p_time_until)::text));
  v_now timestamptz;
  v_today date;
  v_from date;
  v_to date;
  v_lead uuid;
  v_entry waitlist;
  v_refused text;
  v_result json;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  v_rules := find_rules(p_org_id, p_service_type, NULL);
  IF v_rules IS NULL THEN
    RETURN refusal('INVALID_ORGANIZATION');
  END IF;
  PERFORM lock_diary(p_org_id, v_phone, p_idempotency_key, '{}', false, true);
  v_now := current_moment();
  v_today := (v_now AT TIME ZONE v_rules.timezone)::date;
  v_from := greatest(p_date_from, v_today);
  v_to := coalesce(p_date_to, v_from + c_days_default);
  v_result := replayed_request(p_org_id, p_idempotency_key, v_hash);
  IF v_result IS NOT NULL THEN
    RETURN v_result;
  END IF;
  v_refused := CASE
    WHEN v_name IS NULL THEN 'INVALID_NAME'
    WHEN v_phone IS NULL THEN 'INVALID_PHONE'
    WHEN v_rules.service_type IS NULL OR length(v_rules.service_type) > 100 THEN 'UNKNOWN_SERVICE'
    WHEN cardinality(v_rules.practitioners) = 0
      OR p_practitioner_id <> ALL (v_rules.practitioners) THEN 'UNKNOWN_PRACTITIONER'
    WHEN p_source IS NULL
      OR length(concat(p_idempotency_key, p_request_hash, p_call_id, p_source)) > 1000
      OR length(p_idempotency_key) NOT BETWEEN 1 AND 300 THEN 'INVALID_ARGUMENTS'
    WHEN NOT isfinite(v_from) OR NOT isfinite(v_to) OR v_from > v_to
      OR v_to > v_today + c_days_max
      OR (p_time_from < p_time_until) IS NOT TRUE THEN 'INVALID_DATE'
  END;
  IF v_refused IS NOT NULL THEN
    RETURN refusal(v_refused);
  END IF;
  IF p_practitioner_id = p_org_id THEN
    PERFORM store_implicit_practitioner(p_org_id);
  END IF;
  SELECT waitlist.* INTO v_entry
  FROM leads JOIN waitlist ON waitlist.org_id = p_org_id AND contact_id = leads.id
  WHERE leads.org_id = p_org_id AND phone = v_phone AND person = person_key(v_name)
    AND waitlist.status IN ('waiting', 'offered') AND service_type = v_rules.service_type
    AND practitioner_id IS NOT DISTINCT FROM p_practitioner_id
    AND (date_from, date_to, time_from, time_until) = (v_from, v_to, p_time_from, p_time_until);
  IF FOUND THEN
    RETURN waitlist_result(v_entry, true);
  END IF;
  IF (SELECT count(*) FROM leads JOIN waitlist ON waitlist.org_id = p_org_id AND contact_id = leads.id
      WHERE leads.org_id = p_org_id AND phone = v_phone AND waitlist.status IN ('waiting', 'offered')
        AND date_to >= v_today)
       >= c_entries_per_phone_max
     OR (SELECT count(*) FROM (
           SELECT FROM waitlist
           WHERE org_id = p_org_id AND status IN ('waiting', 'offered') AND date_to >= v_today
           LIMIT c_entries_max) AS live) >= c_entries_max THEN
    RETURN refusal('LIMIT_REACHED');
  END IF;
  INSERT INTO leads AS known (org_id, name, person, phone, phone_verified, created_at, updated_at)
  VALUES (p_org_id, v_name, person_key(v_name), v_phone, p_phone_verified, v_now, v_now)
  ON CONFLICT (org_id, phone, person) DO UPDATE SET updated_at = excluded.updated_at
  RETURNING id INTO v_lead;
  INSERT INTO waitlist (
    org_id, contact_id, service_type, practitioner_id, date_from, date_to, time_from, time_until,
    call_id, created_at, updated_at)
  VALUES (p_org_id, v_lead, v_rules.service_type, p_practitioner_id, v_from, v_to, p_time_from,
          p_time_until, p_call_id, v_now, v_now)
  RETURNING * INTO v_entry;
  INSERT INTO events (org_id, kind, lead_id, call_id, data, created_at)
  VALUES (p_org_id, 'waitlist_joined', v_lead, p_call_id,
          jsonb_build_object('waitlist_id', v_entry.id), v_now);
  RETURN remember_request(p_org_id, p_idempotency_key, v_hash,
                          waitlist_result(v_entry, false), v_now);
END $$;
REVOKE ALL ON FUNCTION join_waitlist FROM PUBLIC;
GRANT EXECUTE ON FUNCTION join_waitlist TO voxanne_api;
