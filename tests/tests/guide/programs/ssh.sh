# Only recorded: what is called is replayed against the stand-ins for the clouds.
