-- Purpose: makes a clinic what a document says: sections it has replace, others stay. One
-- implementation for the command line and REST. A dry run tells what would change, and changes
-- nothing.
-- Guarantees: all or nothing; the version rises by one when anything changes, and only then; no
-- practitioner, room or service is ever deleted: those the document lacks become inactive, and
-- appointments stay as they are. The caller checks that the credential's scope allows it.
-- Lock order: the organization's row, so that configurations come one after another; nothing that
-- a booking waits for.
-- Outcomes: {"success", "version", "dry_run", "changes": [{"section", "name", "before", "after"}],
--   "warnings": [text]}; or a refusal() with "where", a path in the document: INVALID_HOURS,
--   INVALID_TIMEZONE, INVALID_DURATION, INVALID_ARGUMENTS, UNKNOWN_SERVICE, UNKNOWN_PRACTITIONER,
--   STALE_VERSION (+ "version"), NEEDS_CONFIRMATION (another zone while appointments are booked,
--   + "upcoming"; p_confirmed does it).
CREATE FUNCTION configure_clinic(
  p_org_id uuid,
  p_document jsonb,
  p_version integer DEFAULT NULL,            -- NULL: the document's, if it has one
  p_dry_run boolean DEFAULT false,
  p_confirmed boolean DEFAULT false,
  p_source text DEFAULT 'sql'                -- 'staff', or it is refused
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_clinic organizations;
  v_before jsonb;
  v_after jsonb;
  v_changes jsonb;
  v_warnings jsonb;
  v_outside uuid[];                    -- upcoming appointments that lie outside the hours already
  v_refused json;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  ELSIF p_source IS DISTINCT FROM 'staff' THEN
    RETURN refusal('UNAUTHORIZED');
  END IF;
  -- NO KEY: callers' rows that refer to the organization don't wait for this.
  SELECT * INTO v_clinic FROM organizations WHERE id = p_org_id FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN refusal('INVALID_ORGANIZATION');
  END IF;
  v_refused := check_configuration_fields(p_document);
  IF v_refused IS NOT NULL THEN
    RETURN v_refused;
  ELSIF coalesce(p_version, (p_document ->> 'version')::integer) <> v_clinic.version THEN
    RETURN refusal('STALE_VERSION', jsonb_build_object('where', 'version', 'version', v_clinic.version));
  END IF;
  v_refused := coalesce(
    check_configuration_zone(v_clinic, p_document, p_confirmed),
    check_configuration_spans(p_document),
    check_configuration_names(p_org_id, p_document));
  IF v_refused IS NOT NULL THEN
    RETURN v_refused;
  END IF;

  v_before := clinic_configuration(p_org_id);
  v_outside := appointments_outside_hours(p_org_id);
  BEGIN
    PERFORM store_clinic_rules(p_org_id, p_document);
    PERFORM store_services(p_org_id, p_document);
    PERFORM store_members(p_org_id, p_document, 'practitioners');
    PERFORM store_members(p_org_id, p_document, 'rooms');
    PERFORM store_weekly_hours(p_org_id, p_document);
    PERFORM store_special_days(p_org_id, p_document);
    v_after := clinic_configuration(p_org_id);
    v_changes := configuration_changes(v_before, v_after);
    v_refused := check_configuration_fit(p_org_id, p_document);
    v_warnings := configuration_warnings(p_org_id, v_before, v_after)
      || outside_hours_warning(p_org_id, v_outside);
    IF v_refused IS NOT NULL OR p_dry_run OR v_changes = '[]' THEN
      RAISE EXCEPTION USING ERRCODE = 'VX001';
    END IF;
    UPDATE organizations SET version = version + 1 WHERE id = p_org_id
    RETURNING version INTO v_clinic.version;
    INSERT INTO events (org_id, kind, data, created_at)
    SELECT p_org_id, 'configured', jsonb_build_object('version', v_clinic.version,
             'sections', jsonb_agg(DISTINCT change -> 'section')), current_moment()
    FROM jsonb_array_elements(v_changes) AS change;
  EXCEPTION
    WHEN SQLSTATE 'VX001' THEN NULL;   -- undone: all was written only to see what comes of it
  END;
  RETURN coalesce(v_refused, json_build_object(
    'success', true, 'version', v_clinic.version, 'dry_run', p_dry_run IS TRUE, 'changes', v_changes,
    'warnings', v_warnings, 'created_at', current_moment()));
END $$;
REVOKE ALL ON FUNCTION configure_clinic FROM PUBLIC;
GRANT EXECUTE ON FUNCTION configure_clinic TO voxanne_api;
