-- Back to raw messages of the voice platform, which are still in voice_messages.
DROP INDEX events_of_call, appointments_of_call;
DROP TABLE calls;
