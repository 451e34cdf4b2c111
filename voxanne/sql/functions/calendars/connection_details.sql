-- Purpose: a calendar connection as the worker needs it. The credentials are encrypted.
CREATE FUNCTION connection_details(p_connection calendar_connections) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN CASE WHEN p_connection.id IS NOT NULL THEN jsonb_build_object(
    'id', p_connection.id, 'vendor', p_connection.vendor, 'calendar', p_connection.calendar,
    'status', p_connection.status, 'error_code', p_connection.error_code, 'error', p_connection.error,
    'credentials', encode(p_connection.credentials, 'base64'),
    'credentials_version', p_connection.credentials_version,
    'access_expires_at', p_connection.access_expires_at) END;
END $$;
REVOKE ALL ON FUNCTION connection_details FROM PUBLIC;
