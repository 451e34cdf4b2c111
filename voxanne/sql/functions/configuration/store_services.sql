-- Purpose: writes the services of a configuration's document, matched by key. Those it lacks become
-- inactive, and nobody's and no room's any more.
-- Called by configure_clinic under its lock, nowhere else.
CREATE FUNCTION store_services(p_org_id uuid, p_document jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  v_keys text[];
BEGIN
  IF NOT p_document ? 'services' THEN
    RETURN;
  END IF;
  WITH stored AS (
    INSERT INTO services AS known (
      org_id, key, name, duration_minutes, buffer_before_minutes, buffer_after_minutes,
      notice_minutes, price_minor_units, currency, active)
    SELECT p_org_id, lower(btrim(value ->> 'key')), btrim(value ->> 'name'),
      (value ->> 'duration_minutes')::integer,
      coalesce((value ->> 'buffer_before_minutes')::integer, 0),
      coalesce((value ->> 'buffer_after_minutes')::integer, 0),
      (value ->> 'notice_minutes')::integer, (value ->> 'price_minor_units')::bigint,
      btrim(value ->> 'currency'), coalesce((value ->> 'active')::boolean, true)
    FROM jsonb_array_elements(p_document -> 'services')
    ON CONFLICT (org_id, key) DO UPDATE SET
      name = excluded.name, duration_minutes = excluded.duration_minutes,
      buffer_before_minutes = excluded.buffer_before_minutes,
      buffer_after_minutes = excluded.buffer_after_minutes,
      notice_minutes = excluded.notice_minutes, price_minor_units = excluded.price_minor_units,
      currency = excluded.currency, active = excluded.active
    RETURNING key
  )
  SELECT coalesce(array_agg(key), '{}') INTO v_keys FROM stored;
  UPDATE services SET active = false
  WHERE org_id = p_org_id AND active AND key <> ALL (v_keys);
  DELETE FROM practitioner_services WHERE org_id = p_org_id AND service_key <> ALL (v_keys);
  DELETE FROM room_services WHERE org_id = p_org_id AND service_key <> ALL (v_keys);
END $$;
REVOKE ALL ON FUNCTION store_services FROM PUBLIC;
