-- Purpose: writes what a configuration's document says of the clinic itself.
-- Called by configure_clinic under its lock, nowhere else.
CREATE FUNCTION store_clinic_rules(p_org_id uuid, p_document jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  UPDATE organizations SET
    name = coalesce(btrim(p_document ->> 'name'), name),
    timezone = coalesce(btrim(p_document ->> 'timezone'), timezone),
    country = CASE WHEN p_document ? 'country' THEN btrim(p_document ->> 'country') ELSE country END,
    language = coalesce(btrim(p_document ->> 'language'), language),
    address = CASE WHEN p_document ? 'address' THEN btrim(p_document ->> 'address') ELSE address END,
    transfer_number = CASE WHEN p_document ? 'transfer_number'
      THEN btrim(p_document ->> 'transfer_number') ELSE transfer_number END,
    phone = CASE WHEN p_document ? 'phone' THEN btrim(p_document ->> 'phone') ELSE phone END,
    email = CASE WHEN p_document ? 'email' THEN lower(btrim(p_document ->> 'email')) ELSE email END,
    reminder_hours = CASE WHEN p_document ? 'reminder_hours' THEN ARRAY(
        SELECT hours::integer FROM jsonb_array_elements_text(p_document -> 'reminder_hours') AS hours
        ORDER BY hours::integer DESC)
      ELSE reminder_hours END,
    quiet_from = coalesce((p_document ->> 'quiet_from')::time, quiet_from),
    quiet_until = coalesce((p_document ->> 'quiet_until')::time, quiet_until),
    calendar_title = coalesce(btrim(p_document ->> 'calendar_title'), calendar_title),
    calendar_changes = coalesce(btrim(p_document ->> 'calendar_changes'), calendar_changes),
    calendar_stale = coalesce(btrim(p_document ->> 'calendar_stale'), calendar_stale),
    calendar_stale_minutes = coalesce((p_document ->> 'calendar_stale_minutes')::integer,
                                      calendar_stale_minutes),
    call_retention_days = coalesce((p_document ->> 'call_retention_days')::integer, call_retention_days),
    text_retention_days = coalesce((p_document ->> 'text_retention_days')::integer, text_retention_days),
    person_retention_days = CASE WHEN p_document ? 'person_retention_days'
      THEN (p_document ->> 'person_retention_days')::integer ELSE person_retention_days END,
    notice_minutes = coalesce((p_document ->> 'notice_minutes')::integer, notice_minutes),
    horizon_days = coalesce((p_document ->> 'horizon_days')::integer, horizon_days),
    slot_minutes = coalesce((p_document ->> 'slot_minutes')::integer, slot_minutes),
    hold_seconds = coalesce((p_document ->> 'hold_seconds')::integer, hold_seconds),
    offer_minutes = coalesce((p_document ->> 'offer_minutes')::integer, offer_minutes),
    upcoming_per_caller_max = coalesce((p_document ->> 'upcoming_per_caller_max')::integer,
                                       upcoming_per_caller_max),
    caller_check = coalesce(btrim(p_document ->> 'caller_check'), caller_check),
    red_flags = CASE jsonb_typeof(p_document -> 'red_flags')
      WHEN 'array' THEN ARRAY(SELECT btrim(flag)
                              FROM jsonb_array_elements_text(p_document -> 'red_flags') AS flag)
      WHEN 'null' THEN NULL
      ELSE red_flags END,
    holidays_region = CASE WHEN p_document ? 'holidays_region'
      THEN btrim(p_document ->> 'holidays_region') ELSE holidays_region END
  WHERE id = p_org_id;
END $$;
REVOKE ALL ON FUNCTION store_clinic_rules FROM PUBLIC;
