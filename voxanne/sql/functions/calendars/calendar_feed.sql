-- Purpose: what a practitioner's calendar feed shows to whoever has its token: appointments from
-- 30 days back to the clinic's horizon. Held and lapsed times aren't in it.
-- Guarantees: patients and services are named only as far as the clinic's titles name them; at most
--   20,000 appointments, the earliest; nothing in it changes unless an appointment or the clinic does.
-- p_token_hash: SHA-256 of the token; it alone tells the tenant.
-- Outcomes: {"organization", "timezone", "language", "practitioner", "title", "appointments": [[id,
--   starts_at, ends_at, status, version, updated_at, patient, service], …]}; NULL: no such feed.
CREATE FUNCTION calendar_feed(p_token_hash bytea) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
  c_rows_max constant integer := 20000;
  c_past constant interval := '30 days';
  v_feed calendar_feeds;
  v_clinic organizations;
  v_now timestamptz := current_moment();
  v_appointments json;
BEGIN
  SELECT * INTO v_feed FROM calendar_feeds WHERE token_hash = p_token_hash;
  IF NOT FOUND OR claim_forbids(v_feed.org_id) THEN
    RETURN NULL;
  END IF;
  SELECT * INTO v_clinic FROM organizations WHERE id = v_feed.org_id;
  SELECT json_agg(json_build_array(
      shown.id, shown.scheduled_at, shown.ends_at, shown.status, shown.version, shown.updated_at,
      CASE WHEN v_clinic.calendar_title <> 'neutral' THEN coalesce(
        shown.metadata #>> '{patient,name}',
        (SELECT name FROM leads WHERE org_id = v_feed.org_id AND id = shown.contact_id)) END,
      CASE WHEN v_clinic.calendar_title = 'name_and_service' THEN coalesce(
        (SELECT name FROM services WHERE org_id = v_feed.org_id AND key = shown.service_type),
        shown.service_type) END)
    ORDER BY shown.scheduled_at, shown.id)
  INTO v_appointments
  FROM (
    SELECT * FROM appointments
    WHERE org_id = v_feed.org_id AND practitioner_id = v_feed.practitioner_id
      AND scheduled_at >= v_now - c_past
      AND scheduled_at <= v_now + make_interval(days => v_clinic.horizon_days)
      AND status IN ('confirmed', 'cancelled', 'completed', 'no_show')
    ORDER BY scheduled_at, id
    LIMIT c_rows_max
  ) AS shown;
  RETURN json_build_object(
    'organization', v_clinic.name, 'timezone', v_clinic.timezone, 'language', v_clinic.language,
    'practitioner', (SELECT name FROM practitioners
                     WHERE org_id = v_feed.org_id AND id = v_feed.practitioner_id AND NOT implicit),
    'title', v_clinic.calendar_title, 'appointments', coalesce(v_appointments, '[]'));
END $$;
REVOKE ALL ON FUNCTION calendar_feed FROM PUBLIC;
GRANT EXECUTE ON FUNCTION calendar_feed TO voxanne_api;
