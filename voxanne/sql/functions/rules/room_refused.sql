-- Purpose: can this room not be asked for? It must be one of the clinic's, in use, and one of those the
-- service is given in, where it lists any. Staff may take any room.
CREATE FUNCTION room_refused(p_org_id uuid, p_room_id uuid, p_rules clinic_rules, p_source text)
RETURNS boolean
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  IF p_room_id IS NULL THEN
    RETURN false;
  END IF;
  RETURN p_source <> 'staff' AND p_room_id <> ALL (coalesce(p_rules.rooms, ARRAY[p_room_id]))
    OR NOT EXISTS (SELECT FROM rooms WHERE org_id = p_org_id AND id = p_room_id AND active);
END $$;
REVOKE ALL ON FUNCTION room_refused FROM PUBLIC;
