-- Purpose: takes what is to be delivered in a channel, of whatever organization, in one trip.
-- Guarantees: those of claim_organization_deliveries; and with more to do than p_limit, no organization
--   has more than its share: who claims again takes what is left.
-- Outcomes: a list of claim_organization_deliveries' answers, without those of whom nothing was taken
--   or voided.
CREATE FUNCTION claim_deliveries(
  p_channel text, p_limit integer, p_in_flight_max integer, p_lease_seconds integer
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_organizations json := organizations_with_due_deliveries(p_channel, p_limit);
  v_share integer := greatest(p_limit / greatest(json_array_length(v_organizations), 1), 1);
  v_organization uuid;
  v_claimed json;
  v_all jsonb := '[]';
BEGIN
  FOR v_organization IN SELECT json_array_elements_text(v_organizations) LOOP
    v_claimed := claim_organization_deliveries(
      v_organization, p_channel, v_share, p_in_flight_max, p_lease_seconds);
    IF json_array_length(v_claimed -> 'deliveries') > 0 OR (v_claimed ->> 'voided')::integer > 0 THEN
      v_all := v_all || jsonb_build_array(v_claimed);
    END IF;
  END LOOP;
  RETURN v_all::json;
END $$;
REVOKE ALL ON FUNCTION claim_deliveries FROM PUBLIC;
GRANT EXECUTE ON FUNCTION claim_deliveries TO voxanne_api;
