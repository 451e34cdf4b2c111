-- Back to no calendars: connections, mirrors and feeds go. Appointments and deliveries stay.
DROP TABLE calendar_feeds, oauth_states, busy_times, calendar_events, calendar_connections;
