-- Purpose: a merge or a split with the names of both people, as they are called now; of one who is no
--   more, null.
CREATE FUNCTION lead_change_line(p_change lead_changes) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN jsonb_build_object(
    'change_id', p_change.id, 'kind', p_change.kind, 'lead_id', p_change.lead_id, 'other_id', p_change.other_id,
    'name', (SELECT name FROM leads WHERE org_id = p_change.org_id AND id = p_change.lead_id),
    'other_name', (SELECT name FROM leads WHERE org_id = p_change.org_id AND id = p_change.other_id),
    'appointments', cardinality(p_change.appointments),
    'staff', (SELECT coalesce(nullif(name, ''), email) FROM staff_accounts WHERE id = p_change.staff_id),
    'created_at', p_change.created_at, 'undone_at', p_change.undone_at);
END $$;
REVOKE ALL ON FUNCTION lead_change_line FROM PUBLIC;
