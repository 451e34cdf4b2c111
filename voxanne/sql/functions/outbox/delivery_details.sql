-- Purpose: what a worker needs for one delivery, as it stands now, by channel.
-- Outcomes: the channel's details; or {"broken": SQLSTATE}: this one can't be told, and the others of
--   its claim can.
CREATE FUNCTION delivery_details(p_delivery deliveries) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  RETURN CASE p_delivery.channel
    WHEN 'calendar' THEN calendar_details(p_delivery)
    WHEN 'sms' THEN text_details(p_delivery)
    WHEN 'email' THEN email_details(p_delivery)
    WHEN 'webhook' THEN webhook_details(p_delivery)
    WHEN 'alert' THEN alert_details(p_delivery)
  END;
EXCEPTION WHEN data_exception OR cardinality_violation OR integrity_constraint_violation
  OR syntax_error_or_access_rule_violation THEN
  RETURN jsonb_build_object('broken', SQLSTATE);
END $$;
REVOKE ALL ON FUNCTION delivery_details FROM PUBLIC;
