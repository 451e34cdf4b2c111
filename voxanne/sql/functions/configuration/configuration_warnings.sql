-- Purpose: what staff should know about a change that is made all the same.
-- Outcomes: a list of sentences.
CREATE FUNCTION configuration_warnings(p_org_id uuid, p_before jsonb, p_after jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN (
    SELECT coalesce(jsonb_agg(warning ORDER BY place, warning), '[]') FROM (
      SELECT 1 AS place, format('%s is no longer active; upcoming appointments that stay: %s',
        later ->> 'name', count_upcoming(p_org_id,
          CASE section WHEN 'practitioners' THEN (later ->> 'id')::uuid END,
          CASE section WHEN 'rooms' THEN (later ->> 'id')::uuid END,
          CASE section WHEN 'services' THEN later ->> 'key' END)) AS warning
      FROM unnest(ARRAY['practitioners', 'rooms', 'services']) AS section
      CROSS JOIN jsonb_array_elements(p_before -> section) AS earlier
      JOIN LATERAL jsonb_array_elements(p_after -> section) AS later
        ON coalesce(later ->> 'id', later ->> 'key') = coalesce(earlier ->> 'id', earlier ->> 'key')
      WHERE (earlier -> 'active')::boolean AND NOT (later -> 'active')::boolean
      UNION ALL
      SELECT 2, format('The time of day of upcoming appointments changes with the zone: %s',
                       count_upcoming(p_org_id, NULL, NULL, NULL))
      WHERE p_before ->> 'timezone' <> p_after ->> 'timezone'
        AND count_upcoming(p_org_id, NULL, NULL, NULL) > 0
      UNION ALL
      SELECT 3, 'No practitioner is active: nothing can be booked'
      WHERE p_after -> 'practitioners' <> '[]'
        AND NOT p_after -> 'practitioners' @> '[{"active": true}]'
      UNION ALL
      SELECT 4, format('%s gives no service: each is listed for others', name)
      FROM practitioners
      WHERE org_id = p_org_id AND NOT implicit AND active
        AND EXISTS (SELECT FROM services WHERE org_id = p_org_id AND active)
        AND NOT EXISTS (   -- a service that nobody is listed for is everybody's
          SELECT FROM services
          WHERE org_id = p_org_id AND active AND key NOT IN (
            SELECT service_key FROM practitioner_services WHERE org_id = p_org_id))
        AND id NOT IN (
          SELECT practitioner_id FROM practitioner_services
          JOIN services ON services.org_id = p_org_id AND key = service_key AND active
          WHERE practitioner_services.org_id = p_org_id)
    ) AS warnings);
END $$;
REVOKE ALL ON FUNCTION configuration_warnings FROM PUBLIC;
