-- Purpose: the weights of a clinic that has set none: what each fact about a lead is worth in points of
-- a hundred, and from which score on a lead is hot or warm. A service that "services" doesn't name is
-- worth weights.service.
CREATE FUNCTION default_score_weights() RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
  RETURN jsonb_build_object(
    'hot', 80, 'warm', 40, 'services', '{}'::jsonb,
    'weights', jsonb_build_object(
      'start', 20,
      'service', 10,             -- booked it or asked for it; only the service worth most counts
      'upcoming', 25,            -- has an appointment to come
      'confirmed', 10,           -- and said that they will
      'waiting', 15,             -- waits for a free time
      'urgent', 20,              -- in a call or a message of late
      'emergency', 30,
      'positive', 5,             -- the mood of the last call, where the platform tells it
      'negative', -10,
      'visited', 10,
      'regular', 10,             -- three visits or more
      'no_show', -15,            -- each, up to three
      'cancelled', -5,           -- each, up to three
      'recent', 10,              -- in touch in the last 30 days
      'quiet', -20,              -- not in the last 180
      'texts_wanted', 5,
      'texts_refused', -10,
      'reachable', 5,            -- a text reached them, or came from them
      'email', 5));
END $$;
REVOKE ALL ON FUNCTION default_score_weights FROM PUBLIC;
