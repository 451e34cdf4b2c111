-- Purpose: the consent ledger forgets numbers, but not that they opted out: nobody who wanted no texts
--   gets one because they were erased (docs/decisions/0022).
-- Outcomes: how many rows went.
CREATE FUNCTION strip_consents(p_org_id uuid, p_numbers text[]) RETURNS integer
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  v_number text;
  v_last consents;
  v_gone integer;
  v_all integer := 0;
BEGIN
  FOREACH v_number IN ARRAY p_numbers LOOP
    SELECT * INTO v_last FROM consents
    WHERE org_id = p_org_id AND phone IN (v_number, erased_phone(p_org_id, v_number))
      AND kind IN ('opt_out', 'opt_in')
    ORDER BY place DESC LIMIT 1;
    DELETE FROM consents
    WHERE org_id = p_org_id AND phone IN (v_number, erased_phone(p_org_id, v_number));
    GET DIAGNOSTICS v_gone = ROW_COUNT;
    v_all := v_all + v_gone;
    IF v_last.kind = 'opt_out' THEN
      INSERT INTO suppression_keys (org_id, key)
      VALUES (p_org_id, uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))
      ON CONFLICT DO NOTHING;
      INSERT INTO consents (org_id, phone, kind, source, created_at)
      VALUES (p_org_id, erased_phone(p_org_id, v_number), 'opt_out', v_last.source, v_last.created_at);
    END IF;
  END LOOP;
  RETURN v_all;
END $$;
REVOKE ALL ON FUNCTION strip_consents FROM PUBLIC;
