-- Purpose: is every value of a configuration's document known, there where it must be, of its kind,
-- and within its bounds? The first that isn't is refused with its path.
-- Outcomes: NULL; or a refusal() with "where": INVALID_ARGUMENTS, and for what they say
-- INVALID_HOURS, INVALID_TIMEZONE, INVALID_DURATION.
CREATE FUNCTION check_configuration_fields(p_document jsonb) RETURNS json
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  c_sections constant jsonb := '{"services": 500, "practitioners": 500, "rooms": 500, "hours": 5000,
    "breaks": 5000, "exceptions": 5000, "absences": 5000}';
  v_section text;
  v_rows_max integer;
  v_problem record;
BEGIN
  IF jsonb_typeof(p_document) IS DISTINCT FROM 'object' THEN
    RETURN refusal('INVALID_ARGUMENTS', '{"where": "", "message": "The configuration must be an object"}');
  END IF;
  FOR v_section, v_rows_max IN SELECT key, value::integer FROM jsonb_each_text(c_sections) LOOP
    IF jsonb_typeof(p_document -> v_section) <> 'array' THEN
      RETURN refusal('INVALID_ARGUMENTS', jsonb_build_object('where', v_section,
        'message', format('%s must be a list', v_section)));
    ELSIF jsonb_array_length(p_document -> v_section) > v_rows_max THEN
      RETURN refusal('INVALID_ARGUMENTS', jsonb_build_object('where', v_section,
        'message', format('%s may have at most %s entries', v_section, v_rows_max)));
    END IF;
  END LOOP;

  WITH field (section, name, need, kind, minimum, maximum, pattern, code, meaning) AS (VALUES
    ('', 'version', 'may', 'integer', 1, 2147483647, NULL, NULL, 'a whole number'),
    ('', 'name', 'may', 'text', 1, 200, NULL, NULL, '1 to 200 characters'),
    ('', 'timezone', 'may', 'text', 1, 100, NULL, 'INVALID_TIMEZONE', 'an IANA time zone such as Europe/London'),
    ('', 'country', 'null', 'text', 2, 2, '^[A-Z]{2}$', NULL, 'a country code such as GB'),
    ('', 'language', 'may', 'text', 2, 2, '^[a-z]{2}$', NULL, 'a language code such as en'),
    ('', 'address', 'null', 'text', 1, 500, NULL, NULL, '1 to 500 characters'),
    ('', 'transfer_number', 'null', 'text', 8, 16, '^\+[1-9][0-9]{6,14}$', NULL, 'a full number such as +442079460100'),
    ('', 'phone', 'null', 'text', 8, 16, '^\+[1-9][0-9]{6,14}$', NULL, 'a full number such as +442079460100'),
    ('', 'email', 'null', 'text', 3, 254, '^[^@ ]+@[^@ ]+$', NULL, 'an e-mail address'),
    ('', 'reminder_hours', 'may', 'integers', 1, 336, NULL, NULL, 'at most five different numbers of hours, 1 to 336'),
    ('', 'quiet_from', 'may', 'time', NULL, NULL, NULL, 'INVALID_HOURS', 'a time such as 21:00'),
    ('', 'quiet_until', 'may', 'time', NULL, NULL, NULL, 'INVALID_HOURS', 'a time such as 08:00'),
    ('', 'calendar_title', 'may', 'text', 1, 30, '^(neutral|name|name_and_service)$', NULL, 'neutral, name or name_and_service'),
    ('', 'calendar_changes', 'may', 'text', 1, 30, '^(follow|restore)$', NULL, 'follow or restore'),
    ('', 'calendar_stale', 'may', 'text', 1, 30, '^(offer|refuse|ask)$', NULL, 'offer, refuse or ask'),
    ('', 'calendar_stale_minutes', 'may', 'integer', 5, 10080, NULL, NULL, '5 to 10080 minutes'),
    ('', 'call_retention_days', 'may', 'integer', 1, 3660, NULL, NULL, '1 to 3660 days'),
    ('', 'text_retention_days', 'may', 'integer', 1, 3660, NULL, NULL, '1 to 3660 days'),
    ('', 'person_retention_days', 'null', 'integer', 30, 36600, NULL, NULL, '30 to 36600 days, or nothing: never'),
    ('', 'notice_minutes', 'may', 'integer', 0, 527040, NULL, NULL, '0 to 527040 minutes'),
    ('', 'horizon_days', 'may', 'integer', 1, 3660, NULL, NULL, '1 to 3660 days'),
    ('', 'slot_minutes', 'may', 'integer', 5, 1440, NULL, NULL, '5 to 1440 minutes'),
    ('', 'hold_seconds', 'may', 'integer', 10, 3600, NULL, NULL, '10 to 3600 seconds'),
    ('', 'offer_minutes', 'may', 'integer', 1, 1440, NULL, NULL, '1 to 1440 minutes'),
    ('', 'upcoming_per_caller_max', 'may', 'integer', 1, 1000, NULL, NULL, '1 to 1000'),
    ('', 'caller_check', 'may', 'text', 1, 30, '^(none|name|name_and_birth_date)$', NULL, 'none, name or name_and_birth_date'),
    ('', 'red_flags', 'null', 'texts', 0, 200, NULL, NULL, 'at most 200 texts of 1 to 100 characters'),
    ('', 'holidays_region', 'null', 'text', 2, 6, '^[A-Z]{2}(-[A-Z0-9]{1,3})?$', NULL, 'a country or region such as GB or GB-ENG'),
    ('services', 'key', 'must', 'text', 1, 100, NULL, NULL, '1 to 100 characters'),
    ('services', 'name', 'must', 'text', 1, 200, NULL, NULL, '1 to 200 characters'),
    ('services', 'duration_minutes', 'must', 'integer', 1, 1440, NULL, 'INVALID_DURATION', '1 to 1440 minutes'),
    ('services', 'buffer_before_minutes', 'may', 'integer', 0, 480, NULL, 'INVALID_DURATION', '0 to 480 minutes'),
    ('services', 'buffer_after_minutes', 'may', 'integer', 0, 480, NULL, 'INVALID_DURATION', '0 to 480 minutes'),
    ('services', 'notice_minutes', 'null', 'integer', 0, 527040, NULL, NULL, '0 to 527040 minutes'),
    ('services', 'price_minor_units', 'null', 'integer', 0, 1000000000, NULL, NULL, 'a whole number of cents or pence, and have a currency'),
    ('services', 'currency', 'null', 'text', 3, 3, '^[A-Z]{3}$', NULL, 'a currency code such as GBP, of a price'),
    ('services', 'active', 'may', 'boolean', NULL, NULL, NULL, NULL, 'true or false'),
    ('practitioners', 'id', 'null', 'uuid', NULL, NULL, NULL, NULL, 'an id'),
    ('practitioners', 'name', 'must', 'text', 1, 200, NULL, NULL, '1 to 200 characters'),
    ('practitioners', 'services', 'may', 'texts', 0, 500, NULL, NULL, 'a list of services'' keys'),
    ('practitioners', 'active', 'may', 'boolean', NULL, NULL, NULL, NULL, 'true or false'),
    ('rooms', 'id', 'null', 'uuid', NULL, NULL, NULL, NULL, 'an id'),
    ('rooms', 'name', 'must', 'text', 1, 200, NULL, NULL, '1 to 200 characters'),
    ('rooms', 'services', 'may', 'texts', 0, 500, NULL, NULL, 'a list of services'' keys'),
    ('rooms', 'active', 'may', 'boolean', NULL, NULL, NULL, NULL, 'true or false'),
    ('hours', 'practitioner', 'null', 'text', 1, 200, NULL, 'UNKNOWN_PRACTITIONER', 'a practitioner''s name'),
    ('hours', 'weekday', 'must', 'integer', 1, 7, NULL, 'INVALID_HOURS', '1 (Monday) to 7 (Sunday)'),
    ('hours', 'opens', 'must', 'time', NULL, NULL, NULL, 'INVALID_HOURS', 'a time such as 09:00'),
    ('hours', 'closes', 'must', 'time', NULL, NULL, NULL, 'INVALID_HOURS', 'a time such as 17:00'),
    ('breaks', 'practitioner', 'null', 'text', 1, 200, NULL, 'UNKNOWN_PRACTITIONER', 'a practitioner''s name'),
    ('breaks', 'weekday', 'must', 'integer', 1, 7, NULL, 'INVALID_HOURS', '1 (Monday) to 7 (Sunday)'),
    ('breaks', 'starts', 'must', 'time', NULL, NULL, NULL, 'INVALID_HOURS', 'a time such as 13:00'),
    ('breaks', 'ends', 'must', 'time', NULL, NULL, NULL, 'INVALID_HOURS', 'a time such as 14:00'),
    ('breaks', 'label', 'may', 'text', 1, 100, NULL, NULL, '1 to 100 characters'),
    ('exceptions', 'practitioner', 'null', 'text', 1, 200, NULL, 'UNKNOWN_PRACTITIONER', 'a practitioner''s name'),
    ('exceptions', 'day', 'must', 'date', NULL, NULL, NULL, 'INVALID_HOURS', 'a day such as 2026-12-24'),
    ('exceptions', 'opens', 'null', 'time', NULL, NULL, NULL, 'INVALID_HOURS', 'a time such as 09:00'),
    ('exceptions', 'closes', 'null', 'time', NULL, NULL, NULL, 'INVALID_HOURS', 'a time such as 17:00'),
    ('exceptions', 'reason', 'may', 'text', 0, 200, NULL, NULL, 'at most 200 characters'),
    ('exceptions', 'source', 'may', 'text', 1, 10, '^(clinic|holiday)$', NULL, 'clinic or holiday'),
    ('absences', 'practitioner', 'must', 'text', 1, 200, NULL, 'UNKNOWN_PRACTITIONER', 'a practitioner''s name'),
    ('absences', 'starts_at', 'must', 'instant', NULL, NULL, NULL, 'INVALID_HOURS', 'a moment with its offset such as 2026-12-20T09:00:00Z'),
    ('absences', 'ends_at', 'must', 'instant', NULL, NULL, NULL, 'INVALID_HOURS', 'a moment with its offset such as 2026-12-20T17:00:00Z'),
    ('absences', 'reason', 'may', 'text', 0, 200, NULL, NULL, 'at most 200 characters')
  ), item (section, number, path, value) AS (
    SELECT '', 0, '', p_document
    UNION ALL
    SELECT key, number, format('%s[%s]', key, number - 1), value
    FROM jsonb_object_keys(c_sections) AS key
    CROSS JOIN jsonb_array_elements(coalesce(p_document -> key, '[]')) WITH ORDINALITY
      AS element (value, number)
  )
  SELECT * INTO v_problem FROM (
    SELECT item.section, number, path AS problem_at, 'INVALID_ARGUMENTS' AS code,
      format('%s must be an object', path) AS message
    FROM item WHERE jsonb_typeof(value) <> 'object'
    UNION ALL
    SELECT item.section, number, ltrim(format('%s.%s', path, left(key, 100)), '.'), 'INVALID_ARGUMENTS',
      format('There is no setting %s', ltrim(format('%s.%s', item.section, left(key, 100)), '.'))
    FROM item
    CROSS JOIN jsonb_object_keys(CASE jsonb_typeof(value) WHEN 'object' THEN value ELSE '{}' END) AS key
    WHERE NOT (item.section = '' AND c_sections ? key)
      AND NOT EXISTS (SELECT FROM field WHERE field.section = item.section AND field.name = key)
    UNION ALL
    SELECT item.section, number, ltrim(format('%s.%s', path, field.name), '.'),
      coalesce(code, 'INVALID_ARGUMENTS'),
      format('%s must be %s', replace(field.name, '_', ' '), meaning)
    FROM item JOIN field USING (section)
    WHERE jsonb_typeof(value) = 'object'
      AND CASE coalesce(jsonb_typeof(value -> field.name), 'absent')
        WHEN 'absent' THEN need = 'must'
        WHEN 'null' THEN need <> 'null'
        ELSE NOT fits_field(value -> field.name, kind, minimum, maximum, pattern)
      END
  ) AS problem
  ORDER BY section, number, problem_at LIMIT 1;
  IF FOUND THEN
    RETURN refusal(v_problem.code, jsonb_build_object('where', v_problem.problem_at,
                                                     'message', v_problem.message));
  END IF;
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION check_configuration_fields FROM PUBLIC;
