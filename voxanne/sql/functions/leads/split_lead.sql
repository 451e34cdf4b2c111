-- Purpose: two people were taken for one: the chosen appointments of p_lead_id's become those of the person
--   of that name with the same number, who is made if need be.
-- Guarantees: the appointments keep times, versions and what goes out; the change keeps the name that each
--   was booked under, and is erased with either of the two.
-- Lock order: the lead, appointments by id, the other lead.
-- Outcomes: {"success", "change_id", "lead_id", "other_id"}; or NOT_FOUND; INVALID_NAME; INVALID_ARGUMENTS
--   with "where": 'appointments' (none, too many, not theirs, or of several numbers), 'name' (their own, or
--   that of one who is merged with them).
CREATE FUNCTION split_lead(
  p_org_id uuid, p_lead_id uuid, p_name text, p_appointments uuid[], p_staff_id uuid
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  c_appointments_max constant integer := 1000;
  v_name text := normalize_name(p_name);
  v_ids uuid[] := ARRAY(SELECT DISTINCT id FROM unnest(p_appointments) AS id ORDER BY id);
  v_group uuid[];
  v_locked integer;
  v_lead leads;
  v_other leads;
  v_made boolean;
  v_change uuid;
  v_names jsonb;
  v_now timestamptz;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  v_group := lead_group(p_org_id, p_lead_id);
  IF v_group = '{}' THEN
    RETURN refusal('NOT_FOUND');
  ELSIF v_name IS NULL THEN
    RETURN refusal('INVALID_NAME');
  ELSIF cardinality(v_ids) > c_appointments_max THEN
    RETURN refusal('INVALID_ARGUMENTS', '{"where": "appointments"}');
  END IF;
  -- Whose they are: p_lead_id's, or those of one who is merged with it, of another number perhaps.
  SELECT leads.* INTO v_lead FROM appointments JOIN leads ON leads.org_id = p_org_id AND leads.id = contact_id
  WHERE appointments.org_id = p_org_id AND appointments.id = v_ids[1] AND contact_id = ANY (v_group)
  FOR NO KEY UPDATE OF leads;
  PERFORM FROM appointments
  WHERE org_id = p_org_id AND id = ANY (v_ids) AND contact_id = v_lead.id AND status NOT IN ('held', 'expired')
  ORDER BY id FOR UPDATE;
  GET DIAGNOSTICS v_locked = ROW_COUNT;
  IF v_locked = 0 OR v_locked <> cardinality(v_ids) THEN
    RETURN refusal('INVALID_ARGUMENTS', '{"where": "appointments"}');
  END IF;
  v_now := current_moment();
  INSERT INTO leads (org_id, name, person, phone, phone_verified, created_at, updated_at)
  VALUES (p_org_id, v_name, person_key(v_name), v_lead.phone, v_lead.phone_verified, v_now, v_now)
  ON CONFLICT (org_id, phone, person) DO NOTHING
  RETURNING * INTO v_other;
  v_made := FOUND;
  IF NOT v_made THEN
    SELECT * INTO v_other FROM leads
    WHERE org_id = p_org_id AND phone = v_lead.phone AND person = person_key(v_name) FOR NO KEY UPDATE;
    IF NOT FOUND THEN
      RAISE serialization_failure USING MESSAGE = 'the other lead was erased at this moment';
    ELSIF coalesce(v_other.merged_into, v_other.id) = coalesce(v_lead.merged_into, v_lead.id) THEN
      RETURN refusal('INVALID_ARGUMENTS', '{"where": "name"}');
    END IF;
  END IF;
  SELECT jsonb_object_agg(id, hand_appointment(p_org_id, id, v_other.id, v_other.name, v_now)) INTO v_names
  FROM unnest(v_ids) AS id;
  INSERT INTO lead_changes (org_id, kind, lead_id, other_id, appointments, names, made_lead, staff_id, created_at)
  VALUES (p_org_id, 'split', v_lead.id, v_other.id, v_ids, v_names, v_made, p_staff_id, v_now)
  RETURNING id INTO v_change;
  INSERT INTO events (org_id, kind, lead_id, data, created_at)
  VALUES (p_org_id, 'lead_split', v_lead.id,
          jsonb_build_object('change_id', v_change, 'other_id', v_other.id), v_now);
  RETURN json_build_object('success', true, 'change_id', v_change, 'lead_id', v_lead.id, 'other_id', v_other.id);
END $$;
REVOKE ALL ON FUNCTION split_lead FROM PUBLIC;
GRANT EXECUTE ON FUNCTION split_lead TO voxanne_api;
