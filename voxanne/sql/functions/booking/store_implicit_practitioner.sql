-- Purpose: the practitioner that stands for a clinic which has none of its own.
CREATE FUNCTION store_implicit_practitioner(p_org_id uuid) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM practitioners WHERE org_id = p_org_id AND id = p_org_id) THEN
    INSERT INTO practitioners (org_id, id, name, implicit)
    SELECT id, id, name, true FROM organizations WHERE id = p_org_id
    ON CONFLICT (org_id, id) DO NOTHING;
  END IF;
END $$;
REVOKE ALL ON FUNCTION store_implicit_practitioner FROM PUBLIC;
