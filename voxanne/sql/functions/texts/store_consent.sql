-- Purpose: a row of the consent ledger, and its event. The carrier says over and over what is known.
CREATE FUNCTION store_consent(
  p_org_id uuid, p_phone text, p_kind text, p_word text, p_source text, p_moment timestamptz
) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  IF p_source = 'carrier' AND p_kind = 'opt_out' AND wants_no_texts(p_org_id, p_phone) THEN
    RETURN;
  END IF;
  INSERT INTO consents (org_id, phone, kind, word, source, created_at)
  VALUES (p_org_id, p_phone, p_kind, p_word, p_source, p_moment);
  IF p_kind <> 'help' THEN
    INSERT INTO events (org_id, kind, data, created_at)
    VALUES (p_org_id, 'text_' || p_kind, jsonb_build_object('source', p_source), p_moment);
  END IF;
END $$;
REVOKE ALL ON FUNCTION store_consent FROM PUBLIC;
